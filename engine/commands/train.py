"""``sweetspot train``: see :mod:`engine.train`."""

from engine.train import command

__all__ = ["command"]
