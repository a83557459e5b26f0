"""A place to put together what is taken in, which goes with its maker: at the latest when the next one is made."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from os import getpid
from pathlib import Path

import psutil

from engine.rundir.liveness import host

_NAME = re.compile(r"\.taken-in-([0-9a-f]{8})-(\d{1,10})-\w+")
_AT_MOST_S = 24 * 3600.0  # nothing is put together for longer; on another machine nobody can look for the maker


@contextmanager
def staging(place: Path) -> Iterator[Path]:
    """A new folder in ``place``, away afterwards, with those whose makers were killed. Raises OSError."""
    for left in place.glob(".taken-in-*"):
        if _left_over(left):
            shutil.rmtree(left, ignore_errors=True)
    prefix = f".taken-in-{_here()}-{getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True) as made:
        yield Path(made)


def _left_over(path: Path) -> bool:
    match = _NAME.fullmatch(path.name)
    try:
        made_at = path.lstat().st_mtime
    except OSError:  # gone meanwhile
        return False
    if match is None:
        return False
    gone = match[1] == _here() and not _lived(int(match[2]), made_at)
    return gone or time.time() - made_at > _AT_MOST_S


def _lived(pid: int, at: float) -> bool:
    """Whether the process of that number began before ``at``: a later one was given the number anew."""
    try:
        return psutil.Process(pid).create_time() <= at + 2.0  # file systems' clocks are coarse
    except (psutil.NoSuchProcess, OverflowError):
        return False
    except psutil.Error:
        return True


def _here() -> str:
    return sha256(host().encode()).hexdigest()[:8]
