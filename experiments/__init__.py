"""Shipped gin files, `.cell` files and benchmarks. The files are found by their bare name."""
