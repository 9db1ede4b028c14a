"""Sources of fitness: the training of networks, a table of trained networks, or a function of the user."""
