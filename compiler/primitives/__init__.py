"""The shapes, weights, cost and layers of each primitive of the language."""
