"""One after the other: who changes a file that several processes write, from reading it to its replacement."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.lock import RunLock

PATIENCE_S = 10.0


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """As a context: no other thread or process is inside with ``lock``, a file that is made and stays.

    ``StorageError`` when another does not leave within ten seconds; ``OSError`` when the disk refuses.
    """
    try:
        held = RunLock.within(lock, f"pid {os.getpid()}", PATIENCE_S)
    except RunDirectoryError as error:
        raise StorageError(f"Another process has held {lock} for {PATIENCE_S:g} seconds.", "End it.") from error
    try:
        yield
    finally:
        held.release()
