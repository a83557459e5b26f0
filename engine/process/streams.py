"""The three standard streams of a process, open whatever its parent gave it."""

from __future__ import annotations

import os
import sys


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
