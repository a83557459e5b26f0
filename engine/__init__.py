"""Sweetspot's engine: trains a model in a process of its own and writes what happens into a run directory."""

__version__ = "0.1.0"
