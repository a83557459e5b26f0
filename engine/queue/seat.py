"""Who goes through a queue: ``worker.lock`` in its folder, which one process has at a time, and ``stop`` beside it, by
which that process is asked to end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from engine.errors import RunDirectoryError, StorageError
from engine.printable import sweetspot
from engine.queue.order import PATIENCE_S
from engine.rundir.liveness import host
from engine.rundir.lock import RunLock, holder_of

_FORGETS = "takes a request out, "  # what stands in the lock of who is no worker and has it for a moment


class Seat:
    """The one worker's place in the queue at ``folder``, of the runs in ``runs_dir``."""

    def __init__(self, folder: Path, runs_dir: Path) -> None:
        self.lock, self.stop = folder / "worker.lock", folder / "stop"
        self._runs_dir = runs_dir
        self._worked: RunLock | None = None

    def holder(self) -> str:
        """Which process goes through the queue: "pid 12, host studio"; "" when none does."""
        holder = holder_of(self.lock)
        return "" if holder.startswith(_FORGETS) else holder

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """As a context: this process is the worker. ``RunDirectoryError`` when another is."""
        with self._locked("") as lock:
            self._forget_stop()
            self._worked = lock
            yield

    @contextlib.contextmanager
    def kept_free(self) -> Iterator[None]:
        """As a context: nobody is the worker. ``RunDirectoryError`` when somebody is."""
        with self._locked(_FORGETS):
            yield

    @contextlib.contextmanager
    def _locked(self, purpose: str) -> Iterator[RunLock]:
        holder = f"{purpose}pid {os.getpid()}, host {host()}"
        try:
            lock = RunLock.within(self.lock, holder, PATIENCE_S, worth=lambda: not self.holder())
        except RunDirectoryError:
            raise RunDirectoryError(
                f"A worker goes through this queue already ({self.holder() or 'it has just begun'}).",
                "What is added it trains too; end it with Ctrl-C there.",
            ) from None
        try:
            yield lock
        finally:
            lock.release()

    def check_kept(self) -> None:
        """``RunDirectoryError`` when this worker's queue was removed, moved or replaced; OSError when none can say."""
        if self._worked is not None and not self._worked.intact(self.lock):
            raise RunDirectoryError(
                f"{self.lock.parent} is not the queue any more that this worker began with: it was removed "
                "or replaced.",
                f"Go on with what is there now: {sweetspot('queue', 'run', '--runs-dir', self._runs_dir)}",
            )

    def ask_to_end(self) -> None:
        """Ask the worker to end, with a checkpoint of each training. ``RunDirectoryError`` when there is none."""
        if not self.holder():
            raise RunDirectoryError("No worker goes through this queue.", "There is nothing to stop.")
        try:
            self.stop.touch()
        except OSError as error:
            raise StorageError.of(error) from error

    @property
    def asked_to_end(self) -> bool:
        """Whether the worker was asked to end, as far as the system says."""
        with contextlib.suppress(OSError):
            return self.stop.exists()
        return False

    def _forget_stop(self) -> None:
        """What was meant for an earlier worker. ``RunDirectoryError`` where it would end every one, for ever."""
        try:
            self.stop.unlink(missing_ok=True)
        except OSError as error:
            raise RunDirectoryError(
                f"{self.stop} asks every worker to end and cannot be taken away ({error.strerror}).",
                "Remove it: there must be nothing of that name.",
            ) from error
