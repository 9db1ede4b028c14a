"""Images to batches: step s is a function of the seed and s alone."""
