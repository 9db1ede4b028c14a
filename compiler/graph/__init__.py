"""Resolves genotypes to graphs: every primitive with its shapes, weights and cost."""
