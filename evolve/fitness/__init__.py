"""Sources of fitness: what a worker does with a genotype."""
