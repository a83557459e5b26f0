"""The three standard streams of a process, open whatever its parent gave it, and whatever letters they can take."""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Any

_SPELLED = "spelled"


def open_streams() -> None:
    """Put the null device where stdin, stdout or stderr is closed.

    Python leaves None there, and the next file that is opened would get the stream's number: what a library in C
    prints would then land in a checkpoint.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        _take_every_letter(stream)


def _take_every_letter(stream: Any) -> None:
    """No command ends because its terminal, or the file that is written in its place, has not all letters."""
    if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
        stream.reconfigure(errors=_SPELLED)


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """A hyphen for a minus; any other letter by its number."""
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end].replace("−", "-")
    return letters.encode("ascii", "backslashreplace").decode("ascii"), error.end


codecs.register_error(_SPELLED, _spelled)
