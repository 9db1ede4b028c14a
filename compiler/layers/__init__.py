"""Lowers resolved graphs to layers of tf_keras."""
