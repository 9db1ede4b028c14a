"""What must hold of every file and every genotype."""
