"""``python -m engine.train``: the boundary of the training process. Configuration in, run directory and exit code out.

Nothing here imports torch before the arguments and the source have been found good.
"""

from __future__ import annotations

import errno
import os
import time
import uuid
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from pydantic import ValidationError

from engine.config import TrainingConfig
from engine.errors import ConfigError, DataError, OutOfMemoryError, StorageError, SweetspotError
from engine.flags import Sectioned, options
from engine.plan import Plan, plan
from engine.printable import escaped
from engine.process.data_changes import changed_data
from engine.process.ending import run as run_command
from engine.process.job import Job, new_job, new_root, resumed_job
from engine.process.progress import Progress
from engine.process.resume import git_commit, resume_point, versions
from engine.process.signals import SignalFlag
from engine.process.sleep_inhibitor import kept_awake
from engine.registry import find_source
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.presence import refuse_living
from engine.rundir.reader import RunReader
from engine.rundir.schema import DatasetRecord, ErrorInfo, FileRow, RunConfig, RunRecord, State
from engine.rundir.schema import Progress as PhaseProgress
from engine.tasks import task_config, task_names, task_opener

if TYPE_CHECKING:
    from engine.device import Device
    from engine.loop.checkpoint import Loaded
    from engine.loop.pace import Costs
    from engine.rundir.writer import RunWriter
    from engine.task import Task


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """The run was told to stop before its first update."""


def run(job: Job) -> int:
    """Train ``job`` in this process and return its exit code; a failure is in the run directory before it leaves."""
    # Threads that wait by spinning cost twelve times the work on a busy machine; read when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    signals = SignalFlag()
    signals.install()
    try:
        return execute(job, signals, Progress())
    finally:
        signals.ignore()


def execute(job: Job, signals: SignalFlag, progress: Progress) -> int:
    """:func:`run` for a caller who sees to the signals and listens by its own ``progress``."""
    from engine import device as devices
    from engine.rundir.writer import RunWriter

    device = devices.choose(job.training.device, job.training.threads)
    writer = RunWriter.open(
        job.root,
        resume=job.record is not None,
        device=device.name,
        threads=device.threads,
        versions=versions(),
        git_commit=git_commit(),
        resumed_from_step=job.resumed_from_step,
    )
    writer.device_memory = device.memory
    with writer, kept_awake() as awake_by:
        progress.opened(job.root, awake_by)
        writer.update(kept_awake_by=awake_by)
        try:
            return _train(job, device, writer, signals, progress)
        except Stopped:
            return _end(writer, State.INTERRUPTED if signals.received else State.CANCELLED, signals, progress)
        except SweetspotError as error:
            reason = _true_reason(writer, error) or error
            _fail(writer, reason)
            if reason is error:
                raise
            raise reason from error
        except Exception as error:  # the one wide except: whatever it was, the run says so before it leaves
            known = _true_reason(writer, _recognise(error))
            _fail(
                writer, known or SweetspotError(f"{type(error).__name__}: {error}", "This is a fault of the program.")
            )
            if known:
                raise known from error
            raise


def _train(job: Job, device: Device, writer: RunWriter, signals: SignalFlag, progress: Progress) -> int:
    from engine.loop.checkpoint import load_newest
    from engine.loop.disk_space import check_space, needed_bytes, reserve_bytes
    from engine.loop.trainer import Trainer

    def check() -> None:
        if writer.lost is not None:
            raise writer.lost
        if signals.received or writer.control.cancel:
            raise Stopped

    found: list[FileRow] = []
    task = _open(job, device, writer, progress, check, found)
    if job.record is None:
        layout, costs = _lay_out(task, check)
        check_space(writer.root, needed_bytes(task, layout))
        record = _record(job, task, layout, costs)
        writer.write_run(record)
    else:
        record = job.record
        before = RunReader(writer.root).dataset()
        _compare(record, task, before, found)
        if before is None:
            writer.write_dataset(DatasetRecord(files=found), anew=True)
            writer.warn("dataset.json was damaged or gone; the data is the same, and it is written anew.", "record")
        check_space(writer.root, reserve_bytes(task.model))
        first = {"steps_per_epoch": record.steps_per_epoch, "total_steps": record.total_steps}
        layout, costs = replace(plan(task.config, task.num_train), **first), None
    progress.begin(record)

    def stop() -> bool:
        if writer.lost is not None and not writer.reachable:
            raise writer.lost
        return writer.lost is not None or signals.received is not None or writer.control.cancel

    trainer = Trainer(task, layout, writer, stop, progress.callback, costs)
    writer.update(baseline=task.monitor.baseline)
    if job.record is not None:
        loaded, complaints = load_newest(writer.layout)
        for complaint in complaints:
            writer.warn(complaint, code="damaged_checkpoint")
        if loaded is not None:
            trainer.restore(loaded, _finished_epochs(writer.layout, loaded))
            writer.elapsed_offset_s = trainer.tracker.elapsed_s
            progress.at(loaded.step)
    state = trainer.fit()
    if writer.lost is not None:
        raise writer.lost
    if state is State.CANCELLED and signals.received:
        state = State.INTERRUPTED
    return _end(writer, state, signals, progress)


def _open(job: Job, device: Device, writer: RunWriter, progress: Progress, check: Any, found: list[FileRow]) -> Task:
    """The task, its data read; ``found`` gets every file of it."""
    from engine.task import OpenContext

    def report(phase: str, done: int, total: int) -> None:
        progress.phase(phase, done, total)
        writer.update(phase=phase, progress=PhaseProgress(done=done, total=total) if total else None)

    def on_files(rows: list[FileRow]) -> None:
        found.extend(rows)
        if job.record is None:
            writer.write_dataset(DatasetRecord(files=rows))

    context = OpenContext(report=report, check=check, on_files=on_files, warn=partial(writer.warn, code="cache"))
    training = job.training.model_copy(update={"threads": device.threads})
    task: Task = task_opener(job.task)(job.source, training, job.task_config, device.torch, context)
    return task


def _lay_out(task: Task, check: Any) -> tuple[Plan, Costs]:
    """The first plan, and what its parts cost."""
    from engine.loop.pace import measure, steps_for_minutes

    layout = plan(task.config, task.num_train)
    costs = measure(task, layout)
    check()
    if task.config.max_minutes is not None:
        layout = plan(task.config, task.num_train, steps_for_minutes(task.config, task.num_train, costs))
    return layout, costs


def _record(job: Job, task: Task, layout: Plan, costs: Costs) -> RunRecord:
    from engine.loop.pace import planned_seconds

    return RunRecord(
        uuid=str(uuid.uuid4()),
        name=job.name,
        created_at=time.time(),
        task=job.task,
        config=RunConfig(training=task.config.model_dump(mode="json"), task=task.task_config.model_dump(mode="json")),
        source=job.source.stored(),
        fingerprint=task.fingerprint,
        num_train=task.num_train,
        num_train_files=task.num_train_files,
        num_val_files=task.num_val_files,
        batch_size=layout.batch_size,
        steps_per_epoch=layout.steps_per_epoch,
        total_steps=layout.total_steps,
        total_epochs=layout.total_epochs,
        planned_s=round(planned_seconds(layout, task.config, costs), 1),
        metrics=list(task.metrics),
        monitor=task.monitor,
        can=job.task_config.can,
    )


def _compare(record: RunRecord, task: Task, before: DatasetRecord | None, now: list[FileRow]) -> None:
    if task.fingerprint == record.fingerprint:
        return
    if before is None:
        raise DataError(
            "The data has changed since this run began, and dataset.json, which names its files, is damaged or gone.",
            "Put the data back as it was to go on, or start a new run with what is there.",
        )
    raise changed_data(before.files, now)


def _finished_epochs(layout: Layout, loaded: Loaded) -> list[Any]:
    from engine.metrics import EpochMetrics

    last = {}
    for event in RunReader(layout.root).all_of("epoch"):
        try:
            epoch = EpochMetrics.model_validate(event)
        except ValidationError:  # a line that the disk spoilt is a gap in the curves, no reason to go on no more
            continue
        if epoch.step <= loaded.step:
            last[epoch.epoch] = epoch
    return [last[epoch] for epoch in sorted(last)]


def _end(writer: RunWriter, state: State, signals: SignalFlag, progress: Progress) -> int:
    writer.state(state, phase="", progress=None, reason=signals.name)
    if state is not State.COMPLETED:
        progress.stopped(writer.root)
    for asked in writer.control.take_cancels():
        writer.done(asked.id)
    return signals.exit_code if state is State.INTERRUPTED else 0


def _fail(writer: RunWriter, error: SweetspotError) -> None:
    kind = type(error).__name__
    writer.state(State.FAILED, phase="", error=ErrorInfo(kind=kind, cause=error.cause, remedy=error.remedy))


def _true_reason(writer: RunWriter, error: SweetspotError | None) -> SweetspotError | None:
    """Why the run fails: of a directory that is gone every write is refused, and that is not the disk's fault."""
    writer.look()
    return writer.lost or error


def _recognise(error: Exception) -> SweetspotError | None:
    """A typed error for what torch and the system report in their own ways."""
    import torch

    text = str(error).lower()
    if (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or "not enough memory" in text
        or "can't allocate" in text
    ):
        return OutOfMemoryError("There is not enough memory to train.", "Try a smaller batch: --batch-size 8, then 4.")
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return StorageError.of(error)
    if isinstance(error, OSError) and error.errno is not None:
        return StorageError(f"The disk refused: {error.strerror}.", "Free some space or check the folder's rights.")
    return None


@click.command("train", cls=Sectioned)
@click.argument("source", required=False)
@click.option("--run-dir", type=click.Path(path_type=Path), help="Exactly this directory for the run.")
@click.option("--runs-dir", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
              help="Directory that gets a new one for the run.")  # fmt: skip
@click.option("--name", help="What to call the run; by default its source.")
@click.option("--config", "config_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Settings from a file: a run's run.json. Options given beside it win.")  # fmt: skip
@click.option("--resume", type=click.Path(path_type=Path), metavar="RUN_DIR", help="Go on with a run where it stopped.")
@click.option("--source", "moved", metavar="PATH", help="With --resume: where the data is now.")
@options(TrainingConfig, *(task_config(name) for name in task_names()))
def command(source: str | None, run_dir: Path | None, runs_dir: Path, name: str | None, config_file: Path | None,
            resume: Path | None, moved: str | None, **values: Any) -> int:  # fmt: skip
    """Train on a folder of recordings, a table or a data set.

    SOURCE is a folder, searched with its sub-folders, a CSV file, or the name of a data set such as "demo":
    "sweetspot datasets" lists them.
    """
    if resume is not None:
        if source or run_dir or config_file or name or any(value is not None for value in values.values()):
            raise ConfigError("--resume goes on with a run as it was laid out.", "Give only --source beside it.")
        return _resume(resume, moved)
    if source is None:
        raise ConfigError("There is nothing to train on.", "Name a folder of sounds, a CSV file, or demo.")
    resolved = find_source(source, {name for name, value in values.items() if value is not None})
    title = name or resolved.source.name
    if run_dir is not None and not is_run_id(run_dir.name):
        raise ConfigError(
            f"{run_dir.name!r} cannot name a run.", "Use 1 to 64 letters, digits, dots, dashes or underscores."
        )
    job = new_job(values, resolved, run_dir or runs_dir, title, config_file)
    for note in job.notes:  # not on stdout, whose first line is the run directory
        click.echo(escaped(note), err=True)
    if run_dir is not None:
        return run(job)
    root = new_root(runs_dir, title)
    try:
        return run(replace(job, root=root))
    finally:
        with suppress(OSError):  # nothing was written: it did not begin
            root.rmdir()


def _resume(root: Path, moved: str | None) -> int:
    refuse_living(Layout(root.expanduser()))
    job = resumed_job(root, moved)
    status = RunReader(root).status()
    if status is not None and status.state is State.COMPLETED:
        click.echo(f"{root} is complete: all {status.total_steps} steps are done.")
        return 0
    from engine import device as devices

    point = resume_point(root, devices.choose(job.training.device, job.training.threads).name)
    click.echo(point)
    return run(replace(job, resumed_from_step=point.step if point else None))


def main() -> None:
    run_command(command)


if __name__ == "__main__":
    main()
