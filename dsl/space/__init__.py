"""The meaning of a text: values of expressions, operations as primitives, genotypes, and their search space."""
