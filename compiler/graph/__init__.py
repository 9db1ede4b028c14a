"""What a genotype is once it is resolved: every operation with its shape and its weights, and what that costs."""
