"""What a text means: values, operations in terms of primitives, genotypes and the space they live in."""
