"""The synthesised collection."""
