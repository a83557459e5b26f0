"""Making sounds with what was learned."""
