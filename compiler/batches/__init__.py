"""Makes batches of images. The batch of a step is a function of the random seed and the number of the step alone."""
