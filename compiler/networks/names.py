"""The names of the files in the folder of a trained network. This module loads no other module."""

NETWORK, WEIGHTS, FACTS = "network.cell", "weights.npz", "network.json"
