"""The loop between an algorithm, an executor and the store, and the records that they exchange."""
