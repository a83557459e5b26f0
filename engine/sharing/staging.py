"""A place to put together what is taken in, which goes with its maker: at the latest when the next one is made."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from os import getpid
from pathlib import Path

import psutil

from engine.rundir.liveness import host, start_ticks

_NAME = re.compile(r"\.taken-in-([0-9a-f]{8})-(\d{1,10})-(\d{1,20})-\w+")  # of which machine, process, and its start
_AT_MOST_S = 24 * 3600.0  # nothing is put together for longer; on another machine nobody can look for the maker


@contextmanager
def staging(place: Path) -> Iterator[Path]:
    """A new folder in ``place``, away afterwards, with those whose makers were killed. Raises OSError."""
    for left in place.glob(".taken-in-*"):
        if _left_over(left):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f".taken-in-{_here()}-{getpid()}-{start_ticks(getpid()) or 0}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as made:
        yield Path(made)


def _left_over(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    if match is None:
        return False
    if match[1] == _here():
        return not _lives(int(match[2]), int(match[3]))
    try:
        return abs(time.time() - path.lstat().st_mtime) > _AT_MOST_S
    except OSError:  # gone meanwhile
        return False


def _lives(pid: int, ticks: int) -> bool:
    """Whether the process of that number is the one that began then: by no clock that can be set."""
    if ticks:
        return start_ticks(pid) == ticks
    with suppress(OverflowError):
        return psutil.pid_exists(pid)
    return False


def _here() -> str:
    return sha256(host().encode()).hexdigest()[:8]
