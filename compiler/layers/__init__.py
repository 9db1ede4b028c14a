"""A resolved graph as layers of tf_keras that are quick to set up."""
