"""Names and texts from elsewhere, made fit to be shown in a terminal or kept in a record."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path


def printable(path: Path) -> str:
    """A path with forward slashes that every JSON reader takes: bytes that are no UTF-8 become ``\\xe9``."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def sweetspot(*words: str | Path) -> str:
    """``sweetspot`` with these words after it, to be copied into the shell as it stands: blanks and quotes too.

    Every sentence that tells a command with a name or a path in it takes it from here: tests/test_printable.py looks.
    """
    line = ["sweetspot", *map(str, words)]
    return subprocess.list2cmdline(line) if sys.platform == "win32" else shlex.join(line)


def escaped(text: str) -> str:
    """``text`` with what could move a cursor, change a colour or turn the direction of reading spelled out."""
    return "".join(char if _shown(char) else char.encode("unicode_escape").decode() for char in text)


def _shown(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # spaces of every width


def unmarked(text: str) -> str:
    """:func:`escaped`, to stand in a sentence whose asterisks mean bold: they become the sign for an operator."""
    return escaped(text).replace("*", "∗")
