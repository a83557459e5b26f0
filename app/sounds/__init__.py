"""Sounds made with a model: asked for, kept, played."""
