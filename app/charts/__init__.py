"""Curves and pictures: specifications, and the rows they draw."""
