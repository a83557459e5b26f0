"""The files of a queue: one a request, in ``RUNS_DIR/.queue/``, in the folder of its state.

``waiting/ID.json`` is renamed to ``begun/ID.json`` by the worker that takes it, or removed by whoever changed his mind:
a file system does one of the two, never both. What is over is written to ``ended/ID.json`` with its outcome, then taken
from ``begun/``. ID is the run's name: its directory is made with the request, so that however often a request is begun
there is one run. No run is called ``.queue``: that is no name of one.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from engine.errors import RunDirectoryError, StorageError
from engine.home import expanded
from engine.printable import sweetspot
from engine.process.job import Job, new_root
from engine.queue.jobs import Jobs
from engine.queue.order import Turns, first, moved
from engine.queue.request import Outcome, Request, request_of
from engine.queue.seat import Seat
from engine.rundir.atomic import discard, flush_directory, replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.layout import is_run_id
from engine.rundir.protocol import LAST_MOMENT
from engine.rundir.reading import names_in, read_record

QueueState = Literal["waiting", "begun", "ended"]
_STATES: tuple[QueueState, ...] = (
    "waiting",
    "begun",
    "ended",
)  # the way of a request: read in its direction, none is lost
_FOLDER = ".queue"


@dataclass(frozen=True)
class Queued:
    """A request where it lies. root: its run directory, made with it, empty until it is begun. job: of a cluster, that
    has it; "" when none has."""

    id: str
    state: QueueState
    path: Path
    root: Path
    request: Request
    job: str = ""


class Queue:
    """The queue of a directory of runs. Knows files; starts nothing."""

    def __init__(self, runs_dir: Path) -> None:
        self.runs_dir = expanded(runs_dir, strict=True).absolute()
        self.folder = self.runs_dir / _FOLDER
        self.jobs = Jobs(self.folder)
        self.seat = Seat(self.folder, self.runs_dir)
        self._turns = Turns(self.folder)

    def add(self, job: Job, source: str | None, sweep: str | None = None) -> Queued:
        """Put ``job`` at the end. ``StorageError`` when the disk refuses; ``ConfigError`` for a path that is no UTF-8.

        source: as its user named it. sweep: what all requests of one sweep have in common.
        """
        self._refuse_links()
        request = request_of(job, source, self._next_moment(), sweep)
        root = new_root(self.runs_dir, job.name)
        try:
            self.prepare()
            path = self._path("waiting", root.name)
            replace_bytes(path, encode(request, indent=1), durable=True)
        except OSError as error:
            with contextlib.suppress(OSError):
                root.rmdir()
            raise StorageError.of(error) from error
        return Queued(root.name, "waiting", path, root, request)

    def _next_moment(self) -> float:
        """Now; where the clock was set back since the last request, just after that: what comes later stays later.

        A request dated ``LAST_MOMENT`` has none after it: no clock said that, and others do not follow it.
        """
        said = (one.request.added_at for one in self._sorted(("waiting", "begun")))
        before = (moment for moment in said if moment < LAST_MOMENT)
        return max(time.time(), math.nextafter(max(before, default=0.0), math.inf))

    def requests(self) -> list[Queued]:
        """All requests, those that ended first, then those under way, then those that wait; each the oldest first, but
        those that wait in the order of their turn. ``StorageError`` where they cannot be listed: not known is not none.
        """
        return self._sorted(_STATES)

    def to_train(self) -> list[Queued]:
        """Those that are not over and that no job of a cluster has, in the order of their turn. ``StorageError``."""
        return [one for one in self.unfinished() if not one.job]

    def unfinished(self) -> list[Queued]:
        """Those that are not over, in the order of their turn. ``StorageError``."""
        over = {path.stem for path in self._files("ended")}
        return [one for one in self._sorted(("waiting", "begun")) if one.id not in over]

    def train_next(self, ids: Sequence[str]) -> None:
        """Put requests that wait in front of all others, in the order of ``ids``. Raises as :meth:`move` does."""
        self._reorder(ids, first(ids))

    def move(self, name: str, by: int) -> None:
        """Put a request that waits ``by`` places later, or earlier where it is negative.

        ``RunDirectoryError`` when it does not wait any more, or a link lies in the way; ``StorageError``.
        """
        self._reorder([name], moved(name, by))

    def _reorder(self, ids: Sequence[str], change: Callable[[list[str]], list[str]]) -> None:
        def waiting() -> list[str]:
            found = [one.id for one in self._sorted(("waiting", "begun")) if one.state == "waiting" and not one.job]
            gone = [name for name in ids if name not in found]
            if gone:
                raise RunDirectoryError(
                    f"{gone[0]} does not wait any more.", "Only what waits has a turn: see what the list says of it."
                )
            return found

        self._refuse_links()
        self._turns.change(waiting, change)

    def damaged(self) -> list[Path]:
        """Files that ought to be requests and cannot be read, or name no run. ``StorageError``."""
        found = [self.folder / state / name for state in _STATES for name in names_in(self.folder / state, ".json")]
        return [path for path in found if not _is_request(path)]

    def remove_damaged(self, path: Path) -> None:
        """Remove a file of :meth:`damaged`. ``RunDirectoryError`` when a worker may train it, or it can be read after
        all; ``StorageError``."""
        if _is_request(path):
            raise RunDirectoryError(f"{path.stem} can be read now.", "Look at the list again, and take it out there.")
        if path.parent.name == "begun" and self.seat.holder():
            stop = sweetspot("queue", "stop", "--runs-dir", self.runs_dir)
            raise RunDirectoryError(f"{path} may be under way.", f"Stop the worker first: {stop}")
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StorageError.of(error) from error

    def begin(self, one: Queued) -> Queued | None:
        """Take a request that waits, for the worker alone; None when it was removed meanwhile."""
        path = self._path("begun", one.id)
        try:
            one.path.rename(path)
        except FileNotFoundError:
            return None
        flush_directory(path.parent)
        return replace(one, state="begun", path=path)

    def end(self, one: Queued, outcome: Outcome) -> None:
        """Note how a request came out, for the worker alone. ``OSError`` when the disk refuses; it stays as it was."""
        ended = one.request.model_copy(update={"outcome": outcome})
        replace_bytes(self._path("ended", one.id), encode(ended, indent=1), durable=True)
        discard(one.path)

    def remove(self, one: Queued) -> None:
        """Forget a request that waits, stopped or ended; its run stays. ``RunDirectoryError`` when it is under way, or
        is so no longer: it is over, and whoever asked has not seen that yet."""
        if one.state == "begun" and one.job:
            raise RunDirectoryError(
                f"{one.id} is under way as job {one.job} of the cluster, or was.",
                f"End it: {cancelling(one)}. Is the job gone, have it gone on with: sweetspot queue run --on slurm",
            )
        if one.state == "ended":  # else one that was killed within ``end`` comes back
            discard(self._path("begun", one.id))
        if one.state == "begun":
            self.prepare()
            with self.seat.kept_free():
                self._finish_ends()
                one.path.unlink(missing_ok=True)
            return
        try:
            one.path.unlink()
        except FileNotFoundError:
            if self._path("begun", one.id).exists():
                raise RunDirectoryError(f"{one.id} was begun just now.", f"End it: {cancelling(one)}") from None
            if one.state == "waiting" and self._path("ended", one.id).exists():
                raise RunDirectoryError(f"{one.id} is over meanwhile.", "See in the list how it came out.") from None
            return
        self.jobs.release(one.id)
        with contextlib.suppress(OSError):  # nothing was trained
            one.root.rmdir()

    @contextlib.contextmanager
    def as_worker(self) -> Iterator[None]:
        """As a context: this process is the queue's one worker. ``RunDirectoryError`` when another is."""
        self.prepare()
        with self.seat.taken():
            self._finish_ends()
            yield

    def _finish_ends(self) -> None:
        """Where somebody was killed within ``end``, a request lies in both folders. While no other worker can."""
        for one in self._in("ended"):
            discard(self._path("begun", one.id))
            if one.job:
                self.jobs.release(one.id)

    def starts(self, one: Queued) -> None:
        """Note that a process for ``one`` starts now, for the worker alone: it takes a while to open its run."""
        self._date(one, time.time())

    def set_aside(self, one: Queued) -> None:
        """Note that no process starts for ``one``, for the worker alone."""
        self._date(one, 0.0)

    def _date(self, one: Queued, at: float) -> None:
        with contextlib.suppress(OSError):  # nothing hangs on it but a word in a list
            os.utime(one.path, (at, at))

    def stop(self) -> None:
        """Ask the worker to end, with a checkpoint of each training. ``RunDirectoryError`` when there is none, or where
        a link lies in the way; ``StorageError``."""
        self._refuse_links()
        self.seat.ask_to_end()

    def prepare(self) -> None:
        """Make its folders. ``RunDirectoryError`` where a link lies in their place or in that of its files; OSError."""
        self._refuse_links()
        for state in _STATES:
            (self.folder / state).mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> Path:
        """What workers say that no terminal shows."""
        return self.folder / "worker.txt"

    def _sorted(self, states: Sequence[QueueState]) -> list[Queued]:
        by_id = {one.id: one for one in self._in(*states)}
        turns = self._turns.places()

        def key(one: Queued) -> tuple[int, float, float, str]:
            turn = turns.get(one.id, math.inf) if one.state == "waiting" else 0.0
            return -_STATES.index(one.state), turn, one.request.added_at, one.id

        return sorted(by_id.values(), key=key)

    def _path(self, state: QueueState, name: str) -> Path:
        return self.folder / state / f"{name}.json"

    def _refuse_links(self) -> None:
        own = (self.folder, *(self.folder / state for state in _STATES), self.seat.lock, self.seat.stop, self.log)
        own += (self._turns.file, self._turns.lock, self.jobs.folder, self.folder / "submitit")
        for path in own:
            if path.is_symlink():
                raise RunDirectoryError(
                    f"{path} is a link, through which a queue would write elsewhere.",
                    "Remove the link and start again.",
                )

    def _files(self, state: QueueState) -> list[Path]:
        found = (self.folder / state / name for name in names_in(self.folder / state, ".json"))
        return [path for path in found if is_run_id(path.stem)]

    def _in(self, *states: QueueState) -> list[Queued]:
        found = [(state, path, read_record(path, Request)) for state in states for path in self._files(state)]
        jobs = self.jobs.holders()  # after the requests: a job that took one meanwhile is seen
        return [
            Queued(path.stem, state, path, self.runs_dir / path.stem, request, jobs.get(path.stem, ""))
            for state, path, request in found
            if request is not None
        ]


def _is_request(path: Path) -> bool:
    return is_run_id(path.stem) and read_record(path, Request) is not None


def cancelling(one: Queued) -> str:
    """The command that ends a run under way."""
    return sweetspot("control", one.root, "cancel")
