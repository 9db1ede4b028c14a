"""The interpreter of mutation rules, and random sampling of a search space."""
