"""The job of one request, as submitit calls it on the machine that the cluster chose.

The training is a process of its own, as everywhere; this one waits for it and passes on what the cluster says. Before
its time is over, or when others go first, the cluster sends a signal: the training ends with a checkpoint, the job goes
back into the cluster's queue, and goes on from there when it is begun again, by the same name and so with the same
right to its request.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from submitit.core.job_environment import JobEnvironment
from submitit.helpers import DelayedSubmission

from engine.queue.files import Queue, Queued
from engine.queue.request import Outcome
from engine.queue.standing import failed, found
from engine.queue.training import LOOK_S, Deaths, start, tell_failure, unsaid, was_stopped
from engine.rundir.layout import Layout
from engine.rundir.liveness import refuse_living

# Slurm says first that a job must go, and that it may come back as late as 90 seconds before it kills it. One that is
# cancelled is killed after half a minute, and what it does until then is no matter.
PATIENCE_S = 300.0


class ClusterSignals:
    """As a context: signals of the cluster are flags; leaving gives them back to submitit.

    requeue: it will take the job back, as submitit asks it to. leave: SIGTERM, which says nothing of that.
    patience: how many seconds after it the other may still come.
    """

    def __init__(self, patience: float = PATIENCE_S) -> None:
        self.requeue, self.leave = getattr(signal, f"SIG{JobEnvironment.USR_SIG}"), signal.SIGTERM
        self.received: dict[int, float] = {}  # and when, by the monotonic clock
        self._patience = patience
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in (self.requeue, self.leave)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.received.setdefault(number, time.monotonic())

    @contextmanager
    def kept_from(self) -> Iterator[None]:
        """What is started inside never gets the signal to come back, which some clusters send to every process of a
        job: nothing there would catch it."""
        if sys.platform == "win32":
            raise AssertionError("Slurm has no nodes of it")
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {self.requeue})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def obey(self) -> None:
        """Leave: have submitit put the job back, or end as whoever was told to and heard no more."""
        while self.requeue not in self.received:
            if time.monotonic() > self.received[self.leave] + self._patience:
                sys.exit(128 + self.leave)
            time.sleep(LOOK_S)
        self._before[self.requeue](self.requeue, None)


@dataclass(frozen=True)
class ClusterTraining:
    """Train the request ``id`` of the queue in ``runs_dir``, a folder that all machines of the cluster share.

    threads: where the request names none. notify: a command, run where the training is. Plain values: submitit keeps
    them in a file until the job begins.
    """

    runs_dir: str
    id: str
    threads: int
    notify: str | None = None

    def __call__(self) -> str:
        """How it came out, for submitit's file; ends the process where the cluster asked for that.

        ``RunDirectoryError`` when a process of somebody else trains the run; ``OSError`` by the disk.
        """
        queue = Queue(Path(self.runs_dir))
        one = self._taken(queue)
        if one is None:
            return "Another job has it, or it was taken out."
        with ClusterSignals() as signals:
            outcome = self._train(queue, one, signals)
        if outcome is not None:
            queue.end(one, outcome)
        queue.jobs.release(one.id)
        return "stopped" if outcome is None else outcome.state

    def checkpoint(self) -> DelayedSubmission:
        """What submitit has the job begin with when it comes back: the same, for all else is in the run directory."""
        return DelayedSubmission(self)

    def _taken(self, queue: Queue) -> Queued | None:
        job = JobEnvironment().job_id
        if queue.jobs.take(self.id, job) != job:
            return None
        one = next((one for one in queue.unfinished() if one.id == self.id), None)
        one = queue.begin(one) if one is not None and one.state == "waiting" else one
        if one is None:
            queue.jobs.release(self.id)
        return one

    def _train(self, queue: Queue, one: Queued, signals: ClusterSignals) -> Outcome | None:
        """Until it is over; None when somebody else stopped it."""
        deaths = Deaths()
        while True:
            _, outcome = found(one)
            if outcome is not None:
                return outcome
            refuse_living(Layout(one.root))
            with signals.kept_from():
                process = start(queue, one, self.threads, self.notify)
            code = _waited(process, signals)
            _, outcome = found(one)
            if outcome is not None:
                return outcome
            if signals.received and code != 0:
                signals.obey()
            if was_stopped(one, code):
                return None
            if reason := unsaid(one, code) or deaths.too_many(one, code):
                tell_failure(one, reason, self.notify)
                return failed(reason)


def _waited(process: subprocess.Popen[bytes], signals: ClusterSignals) -> int:
    """The exit code of ``process``, which is asked for a checkpoint and its end as soon as the cluster warns."""
    asked = False
    while (code := process.poll()) is None:
        if signals.received and not asked:
            process.terminate()
            asked = True
        time.sleep(LOOK_S)
    return code
