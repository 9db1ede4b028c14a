"""Shipped gin files, `.cell` files and benchmarks. Every command finds a shipped file by its name without a folder."""
