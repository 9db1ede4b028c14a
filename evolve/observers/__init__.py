"""Observers of a search: the terminal, TensorBoard, and the files of the work directory."""
