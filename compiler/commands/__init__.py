"""What `cell` can do; one module a group of its commands."""
