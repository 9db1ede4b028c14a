"""The commands of `cell`. Each module has one group of commands."""
