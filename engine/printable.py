"""Names and texts from elsewhere, made fit to be shown in a terminal or kept in a record."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import unicodedata
from pathlib import Path

# Names that Windows keeps for devices, whatever follows their first dot.
DEVICE = re.compile(r"^(con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?= *(?:\.|$))", re.IGNORECASE)


def printable(path: Path) -> str:
    """A path with forward slashes that every JSON reader takes: bytes that are no UTF-8 become ``\\xe9``."""
    return os.fsencode(path.as_posix()).decode("utf-8", "backslashreplace")


def sweetspot(*words: str | Path) -> str:
    """:func:`command_to_copy` of ``sweetspot`` with these words after it."""
    return command_to_copy("sweetspot", *words)


def command_to_copy(*words: str | Path) -> str:
    """A command of these words, to be copied into the shell as it stands: blanks, quotes, bytes that are no text too.

    Every sentence that tells a command with a name or a path in it takes it from here: tests/test_printable.py looks.
    """
    line = [str(word) for word in words]
    return subprocess.list2cmdline(line) if sys.platform == "win32" else " ".join(map(_word, line))


def _word(text: str) -> str:
    """One word as a shell reads it; in bash's and zsh's ``$'…'`` where it holds what no terminal shows as it is."""
    if all(map(_shown, text)):
        return shlex.quote(text)
    return "$'" + "".join(map(_ansi_c, text)) + "'"


def _ansi_c(char: str) -> str:
    if char in "\\'":
        return f"\\{char}"
    return char if _shown(char) else "".join(f"\\{byte:03o}" for byte in char.encode(errors=_as_bytes(char)))


def _as_bytes(char: str) -> str:
    """How to encode it: as the byte that a path had in its place, or as half a character, which no path has."""
    return "surrogateescape" if "\udc80" <= char <= "\udcff" else "surrogatepass"


def escaped(text: str) -> str:
    """``text`` with what could move a cursor, change a colour or turn the direction of reading spelled out."""
    return "".join(char if _shown(char) else char.encode("unicode_escape").decode() for char in text)


def _shown(char: str) -> bool:
    return char.isprintable() or unicodedata.category(char) == "Zs"  # spaces of every width


def unmarked(text: str) -> str:
    """:func:`escaped`, to stand in a sentence whose asterisks mean bold: they become the sign for an operator."""
    return escaped(text).replace("*", "∗")
