"""Has a file changed? One answer for all who keep what they made of one."""

from __future__ import annotations

import os
from pathlib import Path

Stamp = tuple[int, int, int, int]


def stamp(path: Path) -> Stamp | None:
    """:func:`stamp_of` a file as it is now; None: none is there."""
    try:
        return stamp_of(path.stat())
    except OSError:
        return None


def stamp_of(about: os.stat_result) -> Stamp:
    """Moves with a file's content, also when it is replaced at equal size and given its old time.

    Size, time of change, inode, and the time that nobody can set. On Windows, and on file systems without Unix's times
    (exFAT), the last one says when the file was made: there a file that is overwritten in place, at equal size and with
    its old time, goes unnoticed.
    """
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_ctime_ns
