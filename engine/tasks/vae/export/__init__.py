"""Passing a trained model on."""
