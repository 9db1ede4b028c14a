"""Networks with their weights: inherited, saved, and in stock layers for export."""
