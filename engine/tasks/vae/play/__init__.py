"""A trained model played by notes and controllers: what `sweetspot serve --midi` and `--osc` do."""
