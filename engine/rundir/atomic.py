"""The few ways a file of a run directory comes to be: replaced whole, or one line appended by one ``write()``.

A file written in place is torn in the eyes of whoever reads it meanwhile; one that is written beside and renamed
never is. A disk that refuses surfaces as ``OSError`` here: whether training can do without is for the writer to say.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import sys
import threading
import time
from pathlib import Path

from engine.regular_file import check_regular

if sys.platform != "win32":
    import fcntl

RENAME_PATIENCE_S = 2.5
_BLOCK = 1 << 16
_BINARY = getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_TEMPORARY = re.compile(r"^\.staged\.\d+-\d+\.tmp$")
_serial = itertools.count()


def replace_bytes(path: Path, data: bytes, *, durable: bool) -> None:
    """Put ``data`` at ``path`` so that a reader sees the old bytes or the new ones, nothing between.

    durable: survives a power cut once this returns. ``OSError`` when the disk refuses; the old file stays then.
    """
    commit(stage(path, data, durable=durable), path)
    if durable:
        flush_directory(path.parent)


def create_once(path: Path, data: bytes, *, durable: bool) -> bool:
    """:func:`replace_bytes` unless ``path`` exists; whether it was written.

    For the holder of the run's lock, the only one who writes: nobody comes between the look and the rename.
    """
    if path.exists():
        return False
    replace_bytes(path, data, durable=durable)
    return True


def stage(path: Path, data: bytes, *, durable: bool) -> Path:
    """Write ``data`` to a temporary beside ``path``, ready for :func:`commit`; nothing is left when it fails."""
    temporary = beside(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _BINARY, 0o666)
        try:
            _write_all(descriptor, data)
            if durable:
                flush(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        discard(temporary)
        error.filename = str(path)  # what its user knows of
        raise
    return temporary


def beside(path: Path) -> Path:
    """A name of this process's own for a temporary that will be ``path``."""
    # No part of the name it stands for: that one may fill all of a file system's 255 bytes.
    return path.with_name(f".staged.{os.getpid()}-{next(_serial)}.tmp")


def commit(temporary: Path, path: Path) -> None:
    """Rename a staged file into place. Windows refuses while a reader has the old one open: retried for 2.5 s."""
    deadline = time.monotonic() + RENAME_PATIENCE_S
    while True:
        try:
            temporary.replace(path)
            return
        except OSError as error:
            busy = sys.platform == "win32" and isinstance(error, PermissionError)
            if not busy or time.monotonic() > deadline:
                discard(temporary)
                error.filename, error.filename2 = str(path), None
                raise
        time.sleep(0.02)


def discard(path: Path) -> None:
    """Remove a file that may be gone already or cannot be removed now (the next session sweeps it)."""
    with contextlib.suppress(OSError):
        path.unlink()


def open_append(path: Path) -> int:
    """A descriptor whose every ``write()`` lands at the end of the file, whoever else appends.

    Follows no link, and takes nothing but a regular file: ``OSError`` otherwise.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINK | _BINARY, 0o666)
    try:
        check_regular(descriptor, path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def append_line(descriptor: int, line: bytes) -> None:
    """Append ``line`` in one ``write()``. ``OSError`` (ENOSPC) also when the disk took only a part of it."""
    if os.write(descriptor, line) != len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class Journal:
    """An append-only file of lines with one writer, who alone may cut a line that was written half.

    One line per ``write()`` on a descriptor kept open. Opening it cuts a torn tail, never more.
    """

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


def flush(descriptor: int) -> None:
    """Bring a file to the medium. macOS' fsync stops at the drive's cache; F_FULLFSYNC does not."""
    if sys.platform == "darwin":
        with contextlib.suppress(OSError):  # not every file system has it
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)


def flush_directory(path: Path) -> None:
    """Bring a rename to the medium. Windows does so by itself and opens no directories."""
    if sys.platform == "win32":
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems sync no directories
            raise
    finally:
        os.close(descriptor)


def is_temporary(name: str) -> bool:
    """Whether ``name`` is one that :func:`stage` gives."""
    return _TEMPORARY.fullmatch(name) is not None


def make_directory(path: Path) -> None:
    """Make ``path`` unless it exists, and bring its name to the medium: a file in it is not safe before that is."""
    if not path.is_dir():
        path.mkdir(exist_ok=True)
        flush_directory(path.parent)


def sweep(directory: Path) -> int:
    """Remove temporaries that a killed process left in ``directory``; how many. Only for the holder of the lock."""
    if not directory.is_dir():
        return 0
    left_over = [path for path in directory.iterdir() if is_temporary(path.name)]
    for path in left_over:
        discard(path)
    return len(left_over)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _end_of_last_line(descriptor: int) -> int:
    """Where the last newline ends, 0 without one. Looks backwards, so that a long file costs one block."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _BLOCK)
        os.lseek(descriptor, start, os.SEEK_SET)
        newline = os.read(descriptor, end - start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
