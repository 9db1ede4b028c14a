"""What each primitive of the language does: shapes, weights, cost, and its layers."""
