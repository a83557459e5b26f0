"""``python -m engine.train``: the boundary of the training process. Configuration in, run directory and exit code out.

A run in five stops, numbered where they come: 1 resolve what to train, 2 open the run directory and the data, 3 plan,
4 train, 5 leave. :func:`command` calls :func:`run`, that :func:`execute`, that :func:`_train`.
Nothing here imports torch before the arguments and the source have been found good.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from engine import completion
from engine.claims.headline import reason_done
from engine.errors import ConfigError
from engine.flags import FiniteRange, Sectioned, WholeRange
from engine.plan import Length
from engine.printable import escaped
from engine.process.asking import beginnings, every_setting, fitting
from engine.process.data_changes import check_same_data
from engine.process.ending import run as run_command
from engine.process.job import Job, asked_job, placed, resumed_job, run_record
from engine.process.notify import Notices
from engine.process.notify import option as notify_option
from engine.process.origin import Beginning, known_sides
from engine.process.path_type import UserPath
from engine.process.resume_point import git_commit, more_of_it, refuse_packed, resume_point, versions
from engine.process.session import Session, Stopped, open_task, restore_newest
from engine.process.signals import SignalFlag
from engine.process.sleep_inhibitor import kept_awake
from engine.process.terminal import Terminal
from engine.process.torchrun import follow, joined, recruit
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.liveness import refuse_living
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, RunRecord, Side
from engine.rundir.status import State

if TYPE_CHECKING:
    from engine.device import Device
    from engine.loop.pace import Costs
    from engine.loop.ranks import Ranks
    from engine.rundir.writer import RunWriter
    from engine.task import Task


_ONWARD = {"moved", "more_epochs", "more_minutes"}  # options that belong to a run that is there


def run(job: Job, notify: str | None = None, ranks: Ranks | None = None) -> int:
    """Train ``job`` in this process and return its exit code; a failure is in the run directory before it leaves.

    notify: a command for :class:`Notices`. ranks: of several processes, which share each update.
    """
    signals = SignalFlag()
    signals.install()
    try:
        return execute(job, signals, Terminal(), notify, ranks)
    finally:
        signals.ignore()


def execute(
    job: Job, signals: SignalFlag, terminal: Terminal, notify: str | None = None, ranks: Ranks | None = None
) -> int:
    """:func:`run` for a caller who sees to the signals and listens by its own ``terminal``."""
    from engine import device as devices
    from engine.loop.ranks import ONE
    from engine.rundir.writer import RunWriter

    ranks = ranks or ONE
    # 2. open: the device, the weights to begin with, and a run directory that is this process's alone
    device = devices.choose(job.training.device, job.training.threads)
    beginning = job.origin.load() if job.origin is not None else None
    writer = RunWriter.open(
        job.root,
        resume=job.record is not None,
        device=device.name,
        threads=device.threads,
        task=job.task,
        processes=ranks.size,
        versions=versions(),
        git_commit=git_commit(),
        resumed_from_step=job.resumed_from_step,
        device_memory=device.memory,
    )
    with writer, kept_awake() as awake_by:
        terminal.opened(job.root, awake_by)
        writer.update(kept_awake_by=awake_by)
        session = Session(writer, signals, terminal, Notices(notify, writer) if notify else None)

        # 3 and 4 inside, then 5. leave: with an exit code, or with the reason in the run directory
        try:
            return session.end(_train(job, device, session, beginning, ranks))
        except Stopped:
            return session.end(State.CANCELLED)
        except Exception as error:  # the wide one of a training: whatever it was, the run says so before it leaves
            known = session.fail(error)
            if known is None or known is error:
                raise
            raise known from error


def _train(job: Job, device: Device, session: Session, beginning: Beginning | None, ranks: Ranks) -> State:
    from engine.loop.trainer import Trainer

    writer = session.writer

    # 2. open: the data is read and judged, the model built
    sides = _known_sides(job, beginning)
    task, files = open_task(job, device, session, sides)
    if beginning is not None:
        beginning.check(files, task.fingerprint, task.config)
        session.terminal.begins_with(beginning.parent, sides=bool(beginning.sides))
    recruit(ranks, job, task, device, session, sides)

    # 3. plan: how long, by what it costs on this machine; a run that goes on keeps the plan it began with
    costs = None
    if job.record is None:
        record, first, costs = _plan(job, task, session, beginning, ranks)
    else:
        record = job.record  # judged by what it began with, also where another version would find another
        task.monitor = task.monitor.model_copy(update={"baseline": record.monitor.baseline})
        first = _plan_again(record, task, files, writer)

    # 4. train: from the first update, with weights of its own or of another run, or from the newest whole checkpoint
    trainer = Trainer(task, first, writer, session.stop, session.callback, costs, ranks)
    writer.update(baseline=task.monitor.baseline)
    if beginning is not None:
        trainer.begin_from(beginning.state)
    if job.record is not None:
        restore_newest(trainer, session, job)
    session.terminal.begin(trainer.planner.present(record, trainer.tracker))
    if job.record is not None:
        session.terminal.at(trainer.tracker.step)
    state = trainer.fit()
    if state is not State.COMPLETED:  # torchrun stops the others when one is gone: that is more than a signal
        ranks.dismiss()
    if writer.hold.lost is not None:  # the run directory went while the last words were written
        raise writer.hold.lost
    return state


def _known_sides(job: Job, beginning: Beginning | None) -> Mapping[str, Side]:
    """Of a run that began from another: its files are on the sides that the weights know, new ones where they came."""
    if beginning is not None:
        return beginning.sides
    forked = job.record is not None and job.record.parent is not None
    return known_sides(RunReader(job.root)) if forked else {}


def _plan(
    job: Job, task: Task, session: Session, beginning: Beginning | None, ranks: Ranks
) -> tuple[RunRecord, Length, Costs]:
    """How long the run is to be and what its parts cost, written into run.json."""
    from engine.loop.disk_space import check_space, needed_bytes
    from engine.loop.pace import lay_out, planned_seconds

    first, costs = lay_out(task, session.check, ranks, lambda: session.writer.session_s)
    check_space(session.writer.root, needed_bytes(task, first))
    parent = beginning.parent if beginning is not None else None
    seconds = planned_seconds(first, task.config, costs)
    if task.config.max_minutes is not None:  # which hold what came before, too
        seconds = min(60 * task.config.max_minutes, seconds + session.writer.session_s)
    record = run_record(job, task, first, seconds, parent)
    session.writer.write_run(record)
    return record, first, costs


def _plan_again(record: RunRecord, task: Task, files: list[FileRow], writer: RunWriter) -> Length:
    """The length that the run began with, once its data is found to be the same."""
    from engine.loop.disk_space import check_space, reserve_bytes

    check_same_data(writer, record, task.fingerprint, files)
    check_space(writer.root, reserve_bytes(task.model))
    return Length(record.steps_per_epoch, record.total_steps, record.preview_every)


@click.command("train", cls=Sectioned, fitting=fitting)
@click.argument("source", required=False, shell_complete=completion.sources)
@click.option("--run-dir", type=UserPath(), help="Exactly this directory for the run.")
@click.option("--runs-dir", type=UserPath(), default=Path("runs"), show_default=True,
              help="Directory that gets a new one for the run.")  # fmt: skip
@beginnings
@click.option("--resume", type=UserPath(), metavar="RUN_DIR", help="Go on with a run where it stopped.")
@click.option(
    "--more-epochs",
    type=WholeRange(1, 100_000),
    metavar="N",
    help="With --resume: train N epochs from where it stands, whatever was planned.",
)
@click.option(
    "--more-minutes",
    type=FiniteRange(0, 100_000, min_open=True),
    metavar="MINUTES",
    help="With --resume: train that long from where it stands, whatever was planned.",
)
@click.option("--source", "moved", type=UserPath(), metavar="PATH", help="With --resume: where the data is now.")
@notify_option
@every_setting
def command(source: str | None, run_dir: Path | None, runs_dir: Path, name: str | None, config_file: Path | None,
            origin: Path | None, checkpoint: str | None, resume: Path | None, more_epochs: int | None,
            more_minutes: float | None, moved: Path | None, notify: str | None, **values: Any) -> int:  # fmt: skip
    """Train on a folder of recordings, a table or a data set.

    SOURCE is a folder, searched with its sub-folders, a CSV file, or the name of a data set such as "demo":
    "sweetspot datasets" lists them. What such a name means is the data set; a folder or file of that name is ./NAME.
    The help of one source ("sweetspot train demo --help") shows what fits it alone.
    """
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    ranks = context.with_resource(joined())
    if ranks is not None and ranks.group.rank:
        return follow(ranks)
    if resume is not None:
        _check_onward(given)
        return _resume(resume, moved, more_epochs, more_minutes, notify, ranks)
    _check_new(given, run_dir)
    # 1. resolve: the source, and every setting with who set it
    job = asked_job(
        values, run_dir or runs_dir,
        source=source, name=name, config_file=config_file, origin=origin, checkpoint=checkpoint,
    )  # fmt: skip
    for note in job.notes:  # not on stdout, whose first line is the run directory
        click.echo(escaped(note), err=True)
    with placed(job, runs_dir if run_dir is None else None) as begun:
        return run(begun, notify, ranks)


def _check_onward(given: set[str]) -> None:
    """``ConfigError`` where options are ``given`` that say nothing of a run that goes on."""
    if given - {"resume", "notify", *_ONWARD}:
        raise ConfigError(
            "--resume goes on with a run as it was laid out, from its newest checkpoint.",
            "Give only --source, --more-epochs, --more-minutes or --notify beside it.",
        )


def _check_new(given: set[str], run_dir: Path | None) -> None:
    """``ConfigError`` where options are ``given`` that say nothing of a new run, or its directory names none."""
    if given & _ONWARD:
        raise ConfigError(
            "--source, --more-epochs and --more-minutes belong to a run that is there.",
            "Name it: --resume RUN_DIR. What a new run learns from stands without an option.",
        )
    if {"run_dir", "runs_dir"} <= given:
        raise ConfigError("--runs-dir says nothing beside --run-dir.", "Leave one of them out.")
    if run_dir is not None and not is_run_id(run_dir.name):
        raise ConfigError(
            f"{run_dir.name!r} cannot name a run.", "Use 1 to 64 letters, digits, dots, dashes or underscores."
        )


def _resume(
    root: Path,
    moved: Path | None,
    more_epochs: int | None,
    more_minutes: float | None,
    notify: str | None,
    ranks: Ranks | None,
) -> int:
    from engine.loop.extension import More

    if more_epochs is not None and more_minutes is not None:
        raise ConfigError("A run goes on for epochs or for minutes.", "Give one of --more-epochs and --more-minutes.")
    more = None if more_epochs is None and more_minutes is None else More(more_epochs, more_minutes)
    refuse_packed(root)
    refuse_living(Layout(root))
    job = resumed_job(root, moved)
    status = RunReader(root).status()
    if status is not None and status.state is State.COMPLETED and more is None:
        click.echo(f"{root} is complete: {reason_done(status)}. {more_of_it(root)}")
        return 0
    from engine import device as devices

    point = resume_point(
        root, devices.choose(job.training.device, job.training.threads).name, ranks.size if ranks else 1
    )
    if more is not None and (point is None or point.file is None):
        raise ConfigError("Nothing of it was saved yet.", "Go on with --resume alone, or start a new run.")
    click.echo(point)
    if more is not None:
        click.echo(f"From there for {more}, whatever was planned.")
    return run(replace(job, resumed_from_step=point.step if point else None, more=more), notify, ranks)


def main() -> None:
    run_command(command)


if __name__ == "__main__":
    main()
