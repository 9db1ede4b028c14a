"""What mutation rules do: they draw, change and sample genotypes."""
