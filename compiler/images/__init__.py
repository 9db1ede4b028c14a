"""Data sets: labelled images in parts for training, validation and test."""
