"""The one worker of a queue: starts trainings, so many at once, in the order of their turn, and notes how they end.

It keeps nothing in memory that a kill could cost. What was begun goes on by exact resume; a training that outlived a
killed worker is watched to its end like one of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from engine.errors import StorageError
from engine.printable import sweetspot
from engine.process.signals import SignalFlag
from engine.queue.files import Queue, Queued
from engine.queue.gpus import Gpus
from engine.queue.request import Outcome
from engine.queue.standing import failed, found
from engine.queue.training import LOOK_S, Deaths, begun, saved_step, start, tell_failure, unsaid, was_stopped
from engine.rundir.liveness import Liveness, process_liveness
from engine.rundir.reader import RunReader
from engine.threads import automatic_threads

IDLE_S = 1.0
_END: int = getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM)  # Windows' SIGTERM leaves no time for a checkpoint


@dataclass(frozen=True)
class UnderWay:
    """A request whose run trains. process: None when an earlier worker started it; gpu: "" where there is no choice."""

    queued: Queued
    process: subprocess.Popen[bytes] | None
    gpu: str = ""

    @property
    def over(self) -> bool:
        if self.process is not None:
            return self.process.poll() is not None
        view, _ = found(self.queued)
        return view is None or not view.state.live

    def end(self) -> None:
        """Ask for its end, with a checkpoint."""
        if self.process is not None:
            self.process.send_signal(_END)
            return
        sessions = RunReader(self.queued.root).sessions()
        if sessions and process_liveness(sessions[-1]) is Liveness.ALIVE:
            with contextlib.suppress(psutil.Error):
                psutil.Process(sessions[-1].pid).terminate()


class Worker:
    """Goes through ``queue``, whose lock its process holds (:meth:`Queue.as_worker`).

    threads: of each training that names none; None: the physical cores divided by ``slots``, at most four.
    tell: is given a line for whatever begins or ends. notify: a command that each training is given, and that is run
    here for what failed before it could tell.
    """

    def __init__(
        self,
        queue: Queue,
        slots: int,
        threads: int | None,
        signals: SignalFlag,
        tell: Callable[[str], None],
        notify: str | None = None,
    ) -> None:
        self._queue, self._slots, self._signals, self._tell = queue, slots, signals, tell
        share = (psutil.cpu_count(logical=False) or 1) // slots
        self._threads = threads or max(1, min(automatic_threads(), share))
        self._notify = notify
        self._under_way: dict[str, UnderWay] = {}
        self._aside: set[str] = set()  # stopped by somebody else's signal: not to be begun again by this worker
        self._gpus = Gpus.of(os.environ)
        self._deaths = Deaths()
        self._asked_to_end: set[str] = set()
        self._failed = 0
        self._unread = ""  # why what waits could not be read at the last look

    def run(self, *, wait: bool) -> int:
        """Until nothing is left, with ``wait`` until it is ended; the exit code: 1 if a request failed, 128 + n.

        ``RunDirectoryError`` when its queue was removed or replaced, ``StorageError`` when it cannot be read at the
        beginning, or once nothing is under way. However it leaves, no training is left alone.
        """
        try:
            self._adopt()
            while not self._ends:
                unread = self._look()
                if not self._under_way and not wait:
                    if unread is not None:  # nobody knows whether anything is left
                        raise unread
                    break
                time.sleep(LOOK_S if self._under_way else IDLE_S)
            return self._leave()
        finally:
            self._abandon()

    def _look(self) -> StorageError | None:
        """Why it cannot be read what waits, if so: a drive that stammers ends no training, and is asked again."""
        with contextlib.suppress(OSError):  # nothing is known to be lost then
            self._queue.seat.check_kept()
        self._collect()
        try:
            self._fill()
        except StorageError as error:
            if self._unread != str(error):
                self._unread = str(error)
                self._tell(self._unread)
            return error
        self._unread = ""
        return None

    @property
    def _ends(self) -> bool:
        """Whether a signal or ``queue stop`` asked for its end."""
        return bool(self._signals.received) or self._queue.seat.asked_to_end

    def _adopt(self) -> None:
        """What a killed worker left training is watched, however many slots there are."""
        for one in self._queue.to_train():
            view, _ = found(one)
            if one.state == "begun" and view is not None and view.state.live:
                self._watch(one)

    def _watch(self, one: Queued) -> None:
        sessions = RunReader(one.root).sessions()
        self._under_way[one.id] = UnderWay(one, None, self._gpus.of_process(sessions[-1].pid) if sessions else "")
        self._tell(f"{one.id} trains already")

    def _fill(self) -> None:
        while len(self._under_way) < self._slots and (one := self._next()) is not None:
            try:
                self._begin(one)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one request, the others are trained
                self._fail(one, f"This request cannot be carried out: {error}. Remove it, and add it again.")

    def _next(self) -> Queued | None:
        for one in self._queue.to_train():
            if one.id in self._under_way or one.id in self._aside:
                continue
            try:
                begun = self._queue.begin(one) if one.state == "waiting" else one
            except OSError as error:  # something lies in its place in the next folder
                self._aside.add(one.id)
                self._failed += 1
                self._tell(f"{one.id} cannot be begun. {StorageError.of(error)}")
                continue
            if begun is not None:
                return begun
        return None

    def _begin(self, one: Queued) -> None:
        view, outcome = found(one)
        if outcome is not None:
            return self._end(one, outcome)
        if view is not None and view.state.live:
            return self._watch(one)
        goes_on = begun(one)
        device = one.request.training.get("device", "auto")
        gpu = self._gpus.taken_by(device, [other.gpu for other in self._under_way.values()])
        try:
            process = start(self._queue, one, self._threads, self._notify, self._gpus.environment(device, gpu))
        except OSError as error:
            return self._fail(one, str(StorageError.of(error)))
        self._under_way[one.id] = UnderWay(one, process, gpu)
        on = f", GPU {gpu}" if gpu else ""
        self._tell(f"{one.id} {'goes on' if goes_on else 'begins'} (pid {process.pid}{on})")
        return None

    def _collect(self) -> None:
        for name, one in list(self._under_way.items()):
            if one.over:
                del self._under_way[name]
                self._settle(one)

    def _settle(self, ended: UnderWay) -> None:
        """A training is gone: note how it came out, or leave the request to be gone on with."""
        one, code = ended.queued, ended.process.returncode if ended.process else None
        view, outcome = found(one)
        if view is not None and view.state.live:  # an earlier worker's was faster
            return self._watch(one)
        if outcome is not None:
            return self._end(one, outcome)
        if reason := unsaid(one, code):
            return self._fail(one, reason)
        if self._ends or was_stopped(one, code):
            return self._set_aside(one)
        return self._died(one, code)

    def _set_aside(self, one: Queued) -> None:
        self._aside.add(one.id)
        self._queue.set_aside(one)
        self._tell(f"{one.id} stopped; the next queue run goes on with it")

    def _died(self, one: Queued, code: int | None) -> None:
        if reason := self._deaths.too_many(one, code):
            return self._fail(one, reason)
        self._tell(f"{one.id} was killed at step {saved_step(one)}")
        return None

    def _fail(self, one: Queued, reason: str) -> None:
        """What its run could not say itself."""
        tell_failure(one, reason, self._notify)
        self._end(one, failed(reason))

    def _end(self, one: Queued, outcome: Outcome) -> None:
        self._failed += outcome.state == "failed"
        self._tell(f"{one.id} {outcome.state}{': ' if outcome.reason else ''}{outcome.reason}")
        try:
            self._queue.end(one, outcome)
        except OSError as error:  # its run directory says it too: the next worker notes it
            self._aside.add(one.id)
            self._tell(str(StorageError.of(error)))

    def _leave(self) -> int:
        while self._under_way:
            self._ask_to_end()
            time.sleep(LOOK_S)
            self._collect()
        return self._signals.exit_code or (1 if self._failed else 0)

    def _ask_to_end(self) -> None:
        """Once each: a second signal costs a training its checkpoint."""
        for name in self._under_way.keys() - self._asked_to_end:
            self._asked_to_end.add(name)
            self._under_way[name].end()

    def _abandon(self) -> None:
        """End the trainings of a worker that cannot go on: how they came out is in their runs, not in the queue."""
        self._ask_to_end()
        for name, one in self._under_way.items():
            while not one.over:
                time.sleep(LOOK_S)
            _, outcome = found(one.queued)
            on = f"stopped. Go on with: {sweetspot('train', '--resume', one.queued.root)}"
            self._tell(f"{name} {on if outcome is None else outcome.state}")
