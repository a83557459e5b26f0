"""Whether a run directory is still its session's own, and where it went.

The lock is not all: who renames or removes the directory of a run that trains tells nobody. Its descriptors go on
working on files that no name leads to, and its paths lead nowhere, or into another run that was begun there meanwhile.
And a process that stood still for minutes may find that another one took the run for dead: the last line of
sessions.jsonl says whose it is, whatever the locks say.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine.errors import RunDirectoryError, RunDirectoryLostError
from engine.printable import sweetspot
from engine.rundir.layout import Layout
from engine.rundir.lock import RunLock, identity
from engine.rundir.protocol import SessionRecord
from engine.rundir.reading import read_records

if sys.platform != "win32":
    import fcntl

_STOOD_STILL_S = 1.0  # without a look at the directory; who takes a silent run over has waited for longer
_LONGEST_PATH = 1024  # of macOS, in bytes


class Hold:
    """The directory ``layout`` and its lock, as session ``session`` has them. Every method is for any thread.

    layout: follows a directory that was moved; ``followed`` is called with it then.
    has_record: whether run.json was written, and so has to be there.
    lost: why the session has to end at once, when its directory was moved, removed or taken; None while it is its own.
    """

    def __init__(self, layout: Layout, lock: RunLock, session: str, followed: Callable[[Layout], None]) -> None:
        self.layout = layout
        self.has_record = layout.run.exists()
        self.lost: RunDirectoryLostError | None = None
        self._followed = followed
        self._lock = lock
        self._looking = threading.RLock()
        self._looked_at = time.time()  # on the wall clock, which goes on while the machine sleeps
        self._identity = identity(layout.root)
        self._known = {session, *_sessions(layout)}
        self._seen: tuple[int, int] | None = None  # of sessions.jsonl: inode and size when it was read last
        # Windows neither opens a directory nor renames one in which a file is open.
        self._descriptor = -1 if sys.platform == "win32" else os.open(layout.root, os.O_RDONLY)

    @property
    def reachable(self) -> bool:
        """Whether what is written reaches the run: always, but when its directory is lost and not found again."""
        return self.lost is None or self.lost.now is not None

    def check(self) -> bool:
        """Notice at once, not with the next beat of the heart, when the directory is :attr:`lost`; follow it to where
        it was moved. Whether it is :attr:`reachable`."""
        with self._looking:
            self._looked_at = time.time()
            if self.lost is None:
                self.lost = self._look()
                if self.lost is not None and self.lost.now is not None:
                    self._followed(self.layout)
            return self.reachable

    def checked(self) -> bool:
        """:meth:`check` for what is written often: as it was found last, unless that is longer ago than a beat."""
        if abs(time.time() - self._looked_at) > _STOOD_STILL_S:  # no beat of the heart: the process was stopped
            self.check()
        return self.reachable

    def require(self) -> None:
        """:meth:`check`, and raise :attr:`lost` when nothing reaches the run any more."""
        if not self.check() and self.lost is not None:
            raise self.lost

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._lock.release()

    def _look(self) -> RunDirectoryLostError | None:
        """Why the session has to end, if it has to. A lock file that was removed or replaced is made again. None where
        the system does not say (a network drive that stammers): nothing is known to be lost, and the next beat asks."""
        try:
            if identity(self.layout.root) != self._identity:
                return self._moved()
            if self.has_record and not self.layout.run.exists():
                return self._emptied()
            if self._superseded(self.layout):  # before the lock: it may be free again, and is not for this session
                return _taken_over(self.layout.root)
            if not self._lock.intact(self.layout.lock):
                self._renew()
        except OSError:
            return None
        return None

    def _moved(self) -> RunDirectoryLostError:
        before, now = self.layout.root, self._whereabouts()
        if now is None:
            return RunDirectoryLostError(
                f"The run directory {before} is gone: it was removed while it trained.", "Start the run again."
            )
        if self._superseded(Layout(now)):
            return _taken_over(now)
        again = f"Go on with: {sweetspot('train', '--resume', now)}"
        on = again if Layout(now).run.exists() else "Start the run again."
        self.layout = Layout(now)  # last: what may fail above is asked again, from the old place
        return RunDirectoryLostError(f"The run directory {before} was moved to {now} while it trained.", on, now)

    def _emptied(self) -> RunDirectoryLostError:
        return RunDirectoryLostError(
            f"The run directory {self.layout.root} was emptied while it trained.", "What was in it cannot be saved."
        )

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

    def _renew(self) -> None:
        # Refused, a second process holds it for the moment before it is refused itself, or has the run by its line in
        # sessions.jsonl in a moment: the next check tells. A disk that is full: the directory is ours all the same.
        with suppress(RunDirectoryError, OSError):
            self._lock.renew(self.layout.lock)

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


def _taken_over(root: Path) -> RunDirectoryLostError:
    return RunDirectoryLostError(
        "Another process has taken this run over, while this one stood still or its lock was gone. What this one "
        "had not saved is given up.",
        f"See how it goes on: {sweetspot('inspect', root)}",
    )
