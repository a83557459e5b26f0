"""The lock that makes a run directory one process's own, from its start to its end however it ends.

``lockf`` rather than ``flock``: a child forked by the trainer would inherit a ``flock`` and hold it after the trainer
was killed. A ``lockf`` belongs to the process, so within one process a table of our own keeps the second writer out;
it also falls as soon as *any* descriptor of the file is closed, so its holder never opens ``run.lock`` again.
The lock is not all: see :mod:`engine.rundir.hold`.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

from engine.errors import RunDirectoryError
from engine.regular_file import check_regular
from engine.rundir.reading import read_own

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOOK_S = 0.02
_held: dict[str, str] = {}  # holders by identity: a path may change, and several may lead to one file
_guard = threading.Lock()
_WINDOWS_BYTE = 1 << 30  # Windows' locks are mandatory: lock a byte far behind the text, which stays readable
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_BINARY = getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class RunLock:
    """Held from construction until :meth:`release` or the end of the process.

    ``RunDirectoryError`` when another process holds it, with the pid and host that it wrote into the file. ``OSError``
    when ``path`` is a link, for what it leads to would be emptied, or no regular file.
    """

    def __init__(self, path: Path, holder: str) -> None:
        self._holder = holder
        with _guard:
            self._descriptor = _take(path, holder)

    @classmethod
    def within(cls, path: Path, holder: str, seconds: float, worth: Callable[[], bool] = lambda: True) -> Self:
        """The lock, as soon as who holds it lets it go.

        ``RunDirectoryError`` when that takes longer, or is not ``worth`` the wait; OSError as ever.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                return cls(path, holder)
            except RunDirectoryError:
                if time.monotonic() > deadline or not worth():
                    raise
            time.sleep(_LOOK_S)

    def intact(self, path: Path) -> bool:
        """Whether the file at ``path`` is the one that is locked, and not removed or replaced. Raises OSError."""
        return identity(path) == _identity(os.fstat(self._descriptor))

    def renew(self, path: Path) -> None:
        """Lock the file at ``path`` as well, made anew if it is gone. ``RunDirectoryError`` when another was faster."""
        with _guard:
            descriptor = _take(path, self._holder)
            self._let_go()
            self._descriptor = descriptor

    def release(self) -> None:
        with _guard:
            if self._descriptor >= 0:
                self._let_go()
            self._descriptor = -1

    def _let_go(self) -> None:
        _held.pop(_identity(os.fstat(self._descriptor)), None)
        os.close(self._descriptor)


def is_held(path: Path) -> bool | None:
    """Whether a process of this kernel has the lock; None when the file is missing or the system does not say.

    Asks without taking it: a trainer that begins in this moment must not be refused.
    """
    with _guard:
        return _is_held(path)


def holder_of(path: Path) -> str:
    """What the process that has the lock wrote into it; "" when none has it. Raises OSError."""
    with _guard:
        if not _is_held(path):
            return ""
        own = _held.get(identity(path))  # not read: closing it again would drop the lock
        return own if own is not None else (read_own(path) or b"").decode(errors="replace").strip()


def _is_held(path: Path) -> bool | None:
    """:func:`is_held`. The caller has the guard."""
    try:
        known = identity(path)
    except OSError:
        return None
    if known == "":
        return None
    if known in _held:
        return True  # not opened: closing it again would drop the lock
    if sys.platform != "win32":
        return _is_locked(path)
    return None


def identity(path: Path) -> str:
    """Device and inode of what is at ``path``, "" when nothing is. ``OSError`` when the system does not say."""
    try:
        return _identity(path.stat())
    except (FileNotFoundError, NotADirectoryError):
        return ""


def taken(holder: str) -> RunDirectoryError:
    """What who wants a run directory is told when ``holder`` has it."""
    who = f" ({holder})" if holder else ""
    return RunDirectoryError(
        f"Another process trains this run{who}.", "Cancel it or wait for its end, or choose another run directory."
    )


def _take(path: Path, holder: str) -> int:
    """A descriptor of the locked file, with its holder written into it. The caller has the guard."""
    if identity(path) in _held:
        raise taken(holder)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | _NO_LINK | _BINARY, 0o666)
    try:
        check_regular(descriptor, path)
        _acquire(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{holder}\n".encode(errors="replace"))
    except BaseException:  # Ctrl-C too: an open file that nobody knows would keep the lock for as long as we live
        os.close(descriptor)
        raise
    _held[_identity(os.fstat(descriptor))] = holder
    return descriptor


def _acquire(descriptor: int) -> None:
    try:
        if sys.platform == "win32":
            os.lseek(descriptor, _WINDOWS_BYTE, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_SET)
        else:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        os.lseek(descriptor, 0, os.SEEK_SET)
        raise taken(os.read(descriptor, 200).decode(errors="replace").strip()) from None


def _identity(about: os.stat_result) -> str:
    return f"{about.st_dev}:{about.st_ino}"


if sys.platform != "win32":

    def _is_locked(path: Path) -> bool | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except OSError:
            return None
        try:
            return _kind_of_lock(descriptor) != fcntl.F_UNLCK
        except OSError:
            return None
        finally:
            os.close(descriptor)

    def _kind_of_lock(descriptor: int) -> int:
        """The kind of lock that would be in the way of a shared one, ``F_UNLCK`` when none would (F_GETLK)."""
        wanted, whence, everything = fcntl.F_RDLCK, os.SEEK_SET, 0
        if sys.platform == "darwin":  # struct flock: start, length, pid, type, whence
            asked = struct.pack("qqihh", 0, everything, 0, wanted, whence)
            return int(struct.unpack("qqihh", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[3])
        asked = struct.pack("hhqqi0q", wanted, whence, 0, everything, 0)  # type, whence, start, length, pid
        return int(struct.unpack("hhqqi0q", fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))[0])
