"""What changed between genotypes, and what rules can do, in words."""
