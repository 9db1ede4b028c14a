"""When two genotypes are the same network."""
