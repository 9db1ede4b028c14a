"""A model of the fitness, which ranks candidates so that a search trains the most promising ones. It needs numpy."""
