"""A search on disk: its database, its tables for other programs, its files."""
