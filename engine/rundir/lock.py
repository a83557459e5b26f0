"""The lock that makes a run directory one process's own, from its start to its end however it ends.

``lockf`` rather than ``flock``: a child forked by the trainer would inherit a ``flock`` and hold it after the trainer
was killed. A ``lockf`` belongs to the process, so within one process a table of our own keeps the second writer out;
it also falls as soon as *any* descriptor of the file is closed, which is why nobody else ever opens ``run.lock``.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from pathlib import Path

from engine.errors import RunDirectoryError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_held: set[Path] = set()
_guard = threading.Lock()
_WINDOWS_BYTE = 1 << 30  # Windows' locks are mandatory: lock a byte far behind the text, which stays readable
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


class RunLock:
    """Held from construction until :meth:`release` or the end of the process.

    ``RunDirectoryError`` when another process holds it, with the pid and host that it wrote into the file.
    """

    def __init__(self, path: Path, holder: str) -> None:
        self._path = path.resolve()
        with _guard:
            if self._path in _held:
                raise _taken(holder)
            self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
            try:
                self._acquire()
                os.ftruncate(self._descriptor, 0)
                os.write(self._descriptor, f"{holder}\n".encode(errors="replace"))
            except BaseException:
                os.close(self._descriptor)
                raise
            _held.add(self._path)

    def release(self) -> None:
        with _guard:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                _held.discard(self._path)
            self._descriptor = -1

    def _acquire(self) -> None:
        try:
            if sys.platform == "win32":
                os.lseek(self._descriptor, _WINDOWS_BYTE, os.SEEK_SET)
                msvcrt.locking(self._descriptor, msvcrt.LK_NBLCK, 1)
                os.lseek(self._descriptor, 0, os.SEEK_SET)
            else:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            raise _taken(os.read(self._descriptor, 200).decode(errors="replace").strip()) from None


def _taken(holder: str) -> RunDirectoryError:
    who = f" ({holder})" if holder else ""
    return RunDirectoryError(
        f"Another process trains this run{who}.", "Cancel it or wait for its end, or choose another run directory."
    )
