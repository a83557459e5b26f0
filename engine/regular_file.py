"""Files that may be something else than files: opened without a wait, read when they are regular, and not without end.

A pipe without a writer would hold its reader for ever, and a device may have no end.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from engine.errors import DataError

_NO_WAIT = getattr(os, "O_NONBLOCK", 0)


def open_at_once(path: Path) -> BinaryIO:
    """``path`` to be read, waiting for nobody: a pipe that took its place after the look can be opened, no more."""
    return open(path, "rb", opener=lambda name, flags: os.open(name, flags | _NO_WAIT))


def check_regular(descriptor: int, path: Path) -> None:
    """``OSError`` when the open file ``descriptor``, called ``path``, is a pipe, a device or a folder."""
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(path))


def read_regular(path: Path, most: int) -> bytes:
    """The bytes of a file; ``OSError`` also when it is no regular one, or has more than ``most`` bytes."""
    with open_at_once(path) as file:
        check_regular(file.fileno(), path)
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return data


def refuse_files_there(out: Path, names: Iterable[str], remedy: str = "Name another directory.") -> None:
    """``DataError`` when the directory ``out`` is a file, or holds one of the files to come, ``names``."""
    if out.exists() and not out.is_dir():
        raise DataError(f"{out} is a file.", "Name a directory for the sounds.")
    there = [path for name in names if (path := out / name).exists() or path.is_symlink()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise DataError(f"{there[0]}{more} would be overwritten.", remedy)


def refuse_what_is_there(out: Path) -> None:
    """``DataError`` when there is something called ``out``; OSError when nothing can be written there."""
    if out.exists() or out.is_symlink():
        raise DataError(f"{out} is there already.", "Name another file: nothing is overwritten.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=out.parent):
        pass
