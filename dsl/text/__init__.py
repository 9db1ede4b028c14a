"""Reads `.cell` texts, prints syntax trees as text, and lays texts out."""
