"""Makes batches of images. The batch of a step depends only on the random seed and on the number of the step."""
