"""Reports to be read by people: the differences of two genotypes, and the possible effects of mutation rules."""
