"""A run given to others, or deleted."""
