"""The checks of files and genotypes."""
