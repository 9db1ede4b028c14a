"""The search: the loop between an algorithm, an executor and the store."""
