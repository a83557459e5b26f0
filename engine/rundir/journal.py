"""An append-only file of lines with one writer, who alone may cut a line that was written half."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

from engine.rundir.atomic import append_line, flush, flush_directory, open_append

_BLOCK = 1 << 16


class Journal:
    """One line per ``write()`` on a descriptor kept open. Opening it cuts a torn tail, never more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._descriptor = open_append(path)
        self._end = _end_of_last_line(self._descriptor)
        os.ftruncate(self._descriptor, self._end)
        self._torn = False

    def append(self, line: bytes, *, durable: bool = False) -> None:
        """Append ``line`` (with its newline). ``OSError`` when the disk refuses; no part of the line stays then.

        durable: it survives a power cut once this returns, the file's name too.
        """
        with self._lock:
            self._repair()
            try:
                append_line(self._descriptor, line)
                if durable:
                    flush(self._descriptor)
                    flush_directory(self._path.parent)
            except OSError:
                self._torn = True
                with contextlib.suppress(OSError):  # else the next line tries again, before it is written
                    self._repair()
                raise
            self._end += len(line)

    def flush(self) -> None:
        """Bring what was appended to the medium. ``OSError`` when the disk refuses."""
        with self._lock:
            flush(self._descriptor)

    def close(self) -> None:
        with self._lock:
            if self._descriptor >= 0:
                os.close(self._descriptor)
            self._descriptor = -1

    def _repair(self) -> None:
        if self._torn:
            os.ftruncate(self._descriptor, self._end)
            self._torn = False


def _end_of_last_line(descriptor: int) -> int:
    """Where the last newline ends, 0 without one. Looks backwards, so that a long file costs one block."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        os.lseek(descriptor, start, os.SEEK_SET)
        found = os.read(descriptor, end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
