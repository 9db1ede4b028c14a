"""From a genotype to its fitness, and to a network that is trained to the end."""
