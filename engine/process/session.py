"""One session of a run: the process that trains it, whom it tells how it goes, and how it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import SweetspotError
from engine.metrics import EpochMetrics
from engine.process.failures import recognise
from engine.process.job import Job
from engine.process.notify import Notices
from engine.process.resume_point import finished_epochs, lost_checkpoints
from engine.process.signals import SignalFlag
from engine.process.terminal import Terminal
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord, FileRow, Side
from engine.rundir.status import ErrorInfo, PhaseProgress, State
from engine.tasks import task_opener

if TYPE_CHECKING:
    from engine.device import Device
    from engine.loop.trainer import Trainer
    from engine.rundir.writer import RunWriter
    from engine.task import Task


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The run was told to stop before its first update."""


@dataclass(frozen=True)
class Session:
    """The run directory that is open, the signals that came, who watches, and whom its user wants to be told."""

    writer: RunWriter
    signals: SignalFlag
    terminal: Terminal
    notices: Notices | None = None

    def callback(self, event: object) -> None:
        """What the loop tells."""
        self.terminal.callback(event)
        if self.notices is not None and isinstance(event, EpochMetrics):
            self.notices.epoch()

    def report(self, words: Mapping[str, str], phase: str, done: int, total: int) -> None:
        """How far a phase before the first update is; ``total`` 0: it cannot be counted. words: of phases, by code."""
        doing = words.get(phase, phase)
        self.terminal.phase(doing, done, total)
        counted = PhaseProgress(done=done, total=total) if total else None
        self.writer.update(phase=phase, doing=doing, progress=counted)

    def check(self) -> None:
        """Before the first update: :class:`Stopped` when somebody asked, and what happened to a lost directory."""
        if self.writer.hold.lost is not None:
            raise self.writer.hold.lost
        if self.signals.received or self.writer.control.cancel:
            raise Stopped

    def stop(self) -> bool:
        """Whether the loop is to end after the step under way; of a directory that is gone for good, its error."""
        if self.writer.hold.lost is not None and not self.writer.hold.reachable:
            raise self.writer.hold.lost
        return self.writer.hold.lost is not None or self.signals.received is not None or self.writer.control.cancel

    def end(self, state: State) -> int:
        """Leave in ``state``, which a signal makes of a cancelled run INTERRUPTED; the exit code."""
        if state is State.CANCELLED and self.signals.received:
            state = State.INTERRUPTED
        self.writer.state(state, phase="", progress=None, reason=self.signals.name)
        if state is not State.COMPLETED:
            self.terminal.stopped(self.writer.root)
        if self.notices is not None:
            self.notices.ended()
        for asked in self.writer.control.take_cancels():
            self.writer.done(asked.id)
        return self.signals.exit_code if state is State.INTERRUPTED else 0

    def fail(self, error: Exception) -> SweetspotError | None:
        """Write why the run failed; the reason that its user is told, None for a fault of the program.

        In a directory that is gone every write is refused, and that is not the disk's fault: its loss is the reason.
        """
        self.writer.hold.check()
        record = RunReader(self.writer.root).run()
        known = self.writer.hold.lost or recognise(error, record.batch_size if record else None)
        failure = known or SweetspotError(f"{type(error).__name__}: {error}", "This is a fault of the program.")
        info = ErrorInfo(kind=type(failure).__name__, cause=failure.cause, remedy=failure.remedy)
        self.writer.state(State.FAILED, phase="", error=info)
        if self.notices is not None:
            self.notices.ended()
        return known


def open_task(job: Job, device: Device, session: Session, sides: Mapping[str, Side]) -> tuple[Task, list[FileRow]]:
    """The task with its data read, and every file that was found; in a new run they are in dataset.json then.

    sides: of files that have one already.
    """
    from engine.task import OpenContext

    files: list[FileRow] = []

    def on_files(rows: list[FileRow]) -> None:
        files.extend(rows)
        if job.record is None:
            session.writer.write_dataset(DatasetRecord(files=rows))

    warn = partial(session.writer.warn, code="cache")
    report = partial(session.report, job.task_config.phases)
    context = OpenContext(report=report, check=session.check, on_files=on_files, warn=warn, sides=sides)
    training = job.training.model_copy(update={"threads": device.threads})
    task: Task = task_opener(job.task)(job.source, training, job.task_config, device.torch, context)
    return task, files


def restore_newest(trainer: Trainer, session: Session, job: Job) -> None:
    """Bring ``trainer`` to the newest checkpoint that is whole, and let it go on from there for what ``job`` asks.

    It stays at its beginning where there never was one; ``RunDirectoryError`` where those that were are lost.
    """
    from engine.loop.checkpoint import load_newest

    writer = session.writer
    loaded, complaints = load_newest(writer.layout)
    for complaint in complaints:
        writer.warn(complaint, code="damaged_checkpoint")
    if loaded is not None:
        trainer.restore(loaded, finished_epochs(writer.layout, loaded.step), job.more)
        writer.go_on_after(trainer.tracker.elapsed_s)
    elif job.record is not None and (lost := lost_checkpoints(RunReader(writer.root), job.record)) is not None:
        raise lost  # also of one that verified and does not parse, which was not known before
