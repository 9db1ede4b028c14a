"""Sources of fitness: training, a table, or a function of the user."""
