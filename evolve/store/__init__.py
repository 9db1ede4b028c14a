"""The store of a search: its database, the migration of older ones, and exports for other programs."""
