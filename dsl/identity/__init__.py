"""Decides whether two genotypes are the same network, by their fingerprints."""
