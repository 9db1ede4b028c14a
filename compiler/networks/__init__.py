"""Networks with their weights: the inheritance of weights, saved networks, and the export to other formats."""
