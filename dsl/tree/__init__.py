"""The syntax tree, and pure edits of it."""
