"""Training: of an individual of a search, which gives its fitness, and the final training of a network."""
