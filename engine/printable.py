"""Names and texts from elsewhere, made fit to be shown in a terminal or kept in a record."""

from __future__ import annotations

import os
from pathlib import Path


def printable(path: Path) -> str:
    """A path with forward slashes that every JSON reader takes: bytes that are no UTF-8 become ``\\xe9``."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def escaped(text: str) -> str:
    """``text`` for a terminal: control characters (which could move its cursor or change its colours) are spelled."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
