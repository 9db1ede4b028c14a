"""The candidate training of an individual, which gives its fitness, and the final training of a network."""
