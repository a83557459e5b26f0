"""The lock that makes a run directory one process's own, from its start to its end however it ends.

``lockf`` rather than ``flock``: a child forked by the trainer would inherit a ``flock`` and hold it after the trainer
was killed. A ``lockf`` belongs to the process, so within one process a table of our own keeps the second writer out;
it also falls as soon as *any* descriptor of the file is closed, so its holder never opens ``run.lock`` again.

The lock is not all: who renames or removes the directory of a run that trains tells nobody. Its descriptors go on
working on files that no name leads to, and its paths lead nowhere, or into another run that was begun there meanwhile.
And a process that stood still for minutes may find that another one took the run for dead: the last line of
sessions.jsonl says whose it is, whatever the locks say.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from engine.errors import RunDirectoryError, RunDirectoryLostError
from engine.printable import sweetspot
from engine.rundir.layout import Layout
from engine.rundir.protocol import SessionRecord
from engine.rundir.reading import read_own, read_records

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_LOOK_S = 0.02
_held: dict[str, str] = {}  # holders by identity: a path may change, and several may lead to one file
_guard = threading.Lock()
_WINDOWS_BYTE = 1 << 30  # Windows' locks are mandatory: lock a byte far behind the text, which stays readable
_TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_LONGEST_PATH = 1024  # of macOS, in bytes
_BINARY = getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class RunLock:
    """Held from construction until :meth:`release` or the end of the process.

    ``RunDirectoryError`` when another process holds it, with the pid and host that it wrote into the file. ``OSError``
    when ``path`` is a link: what it leads to would be emptied.
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


class Hold:
    """The directory ``layout`` and its lock, as session ``session`` has them. For one thread at a time."""

    def __init__(self, layout: Layout, lock: RunLock, session: str) -> None:
        self.layout = layout
        self._lock = lock
        self._identity = identity(layout.root)
        self._known = {session, *_sessions(layout)}
        self._seen: tuple[int, int] | None = None  # of sessions.jsonl: inode and size when it was read last
        # Windows neither opens a directory nor renames one in which a file is open.
        self._descriptor = -1 if sys.platform == "win32" else os.open(layout.root, os.O_RDONLY)

    def check(self, has_record: bool) -> RunDirectoryLostError | None:
        """Why the session has to end, if it has to; ``layout`` follows a directory that was moved.

        has_record: whether run.json was there. A lock file that was removed or replaced is made again. None where the
        system does not say (a network drive that stammers): nothing is known to be lost then, and the next beat asks.
        """
        try:
            return self._check(has_record)
        except OSError:
            return None

    def _check(self, has_record: bool) -> RunDirectoryLostError | None:
        if identity(self.layout.root) != self._identity:
            return self._moved()
        if has_record and not self.layout.run.exists():
            return RunDirectoryLostError(
                f"The run directory {self.layout.root} was emptied while it trained.", "What was in it cannot be saved."
            )
        if self._superseded(self.layout):  # before the lock: it may be free again, and is not for this session
            return self._taken_over(self.layout.root)
        if not self._lock.intact(self.layout.lock):
            self._renew()
        return None

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._lock.release()

    def _moved(self) -> RunDirectoryLostError:
        before, now = self.layout.root, self._whereabouts()
        if now is None:
            return RunDirectoryLostError(
                f"The run directory {before} is gone: it was removed while it trained.", "Start the run again."
            )
        if self._superseded(Layout(now)):
            return self._taken_over(now)
        again = f"Go on with: {sweetspot('train', '--resume', now)}"
        on = again if Layout(now).run.exists() else "Start the run again."
        self.layout = Layout(now)  # last: what may fail above is asked again, from the old place
        return RunDirectoryLostError(f"The run directory {before} was moved to {now} while it trained.", on, now)

    def _renew(self) -> None:
        # Refused, a second process holds it for the moment before it is refused itself, or has the run by its line in
        # sessions.jsonl in a moment: the next check tells. A disk that is full: the directory is ours all the same.
        with suppress(RunDirectoryError, OSError):
            self._lock.renew(self.layout.lock)

    def _superseded(self, layout: Layout) -> bool:
        """Whether a session began in ``layout`` after this one. Costs one ``stat`` while nothing was added. OSError."""
        try:
            found = layout.sessions.stat()
        except FileNotFoundError:
            return False
        seen = found.st_ino, found.st_size
        if seen == self._seen:
            return False
        sessions = _sessions(layout)
        if sessions and sessions[-1] not in self._known:
            return True
        self._seen = seen if sessions else None  # it could not be read: the next look asks again
        return False

    @staticmethod
    def _taken_over(root: Path) -> RunDirectoryLostError:
        return RunDirectoryLostError(
            "Another process has taken this run over, while this one stood still or its lock was gone. What this one "
            "had not saved is given up.",
            f"See how it goes on: {sweetspot('inspect', root)}",
        )

    def _whereabouts(self) -> Path | None:
        """Where the directory is now, as the system has it; None when it is gone or the system does not say."""
        try:
            if sys.platform == "darwin":
                path = fcntl.fcntl(self._descriptor, fcntl.F_GETPATH, bytes(_LONGEST_PATH)).rstrip(b"\0")
            else:
                path = os.fsencode(os.readlink(f"/proc/self/fd/{self._descriptor}"))  # noqa: PTH115 - no path but a name
        except OSError:
            return None
        path_now = Path(os.fsdecode(path))
        return path_now if identity(path_now) == self._identity else None


def _sessions(layout: Layout) -> list[str]:
    """The sessions that have begun in ``layout``, the first one first."""
    return [one.session for one in read_records(layout.sessions, SessionRecord)]


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
        _acquire(descriptor)
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{holder}\n".encode(errors="replace"))
    except BaseException:
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
