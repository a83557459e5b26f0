"""A session's hold on its directory: whether it is still there, still where it was, and still nobody else's.

Who renames or removes the directory of a run that trains tells nobody. Its descriptors go on working on files that no
name leads to, and its paths lead nowhere, or into another run that was begun there meanwhile.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from engine.errors import RunDirectoryError, RunDirectoryLostError
from engine.rundir.layout import Layout
from engine.rundir.lock import RunLock, identity
from engine.rundir.presence import read_sessions

if sys.platform == "darwin":
    import fcntl

_LONGEST_PATH = 1024


class Hold:
    """The directory ``place`` and its lock, as session ``session`` has them. For one thread at a time."""

    def __init__(self, place: Layout, lock: RunLock, session: str) -> None:
        self.place = place
        self._lock, self._session = lock, session
        self._identity = identity(place.root)
        # Windows neither opens a directory nor renames one in which a file is open.
        self._descriptor = -1 if sys.platform == "win32" else os.open(place.root, os.O_RDONLY)

    def check(self, has_record: bool) -> RunDirectoryLostError | None:
        """Why the session has to end, if it has to; ``place`` follows a directory that was moved.

        has_record: whether run.json was there. A lock file that was removed or replaced is made again.
        """
        if identity(self.place.root) != self._identity:
            return self._moved()
        if has_record and not self.place.run.exists():
            return RunDirectoryLostError(
                f"The run directory {self.place.root} was emptied while it trained.", "What was in it cannot be saved."
            )
        return None if self._lock.intact(self.place.lock) else self._renew()

    def release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1
        self._lock.release()

    def _moved(self) -> RunDirectoryLostError:
        before, now = self.place.root, self._whereabouts()
        if now is None:
            return RunDirectoryLostError(
                f"The run directory {before} is gone: it was removed while it trained.", "Start the run again."
            )
        self.place = Layout(now)
        on = f"Go on with: sweetspot train --resume {now}" if self.place.run.exists() else "Start the run again."
        return RunDirectoryLostError(f"The run directory {before} was moved to {now} while it trained.", on, now)

    def _renew(self) -> RunDirectoryLostError | None:
        try:
            self._lock.renew(self.place.lock)
        except RunDirectoryError:
            sessions = read_sessions(self.place)
            if sessions and sessions[-1].session != self._session:
                return RunDirectoryLostError("Another process has taken this run over.", "Wait for its end.")
        except OSError:  # a disk that is full: the directory is ours all the same
            return None
        return None  # or somebody has it who is refused in a moment: the next look will tell

    def _whereabouts(self) -> Path | None:
        """Where the directory is now, as the system has it; None when it is gone or the system does not say."""
        try:
            if sys.platform == "darwin":
                path = fcntl.fcntl(self._descriptor, fcntl.F_GETPATH, bytes(_LONGEST_PATH)).rstrip(b"\0")
            else:
                path = os.fsencode(os.readlink(f"/proc/self/fd/{self._descriptor}"))  # noqa: PTH115 - no path but a name
        except OSError:
            return None
        found = Path(os.fsdecode(path))
        return found if identity(found) == self._identity else None
