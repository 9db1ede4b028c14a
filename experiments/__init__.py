"""What is run: gin files, `.cell` files and benchmarks, shipped with the project and found by bare name."""
