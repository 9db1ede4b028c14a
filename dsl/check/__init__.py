"""The checks that a `.cell` file and every genotype must pass."""
