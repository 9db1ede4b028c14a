"""What `dataset` names, in parts for training, validation and test."""
