"""What to train: from the command line, a configuration file, a data set's settings, or a run's record. No torch."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyascii import anyascii

from engine.config import TaskConfig, TrainingConfig
from engine.errors import ConfigError, DataError, StorageError, SweetspotError
from engine.flags import collect, leaves
from engine.home import expanded
from engine.plan import BatchLayout, Length
from engine.printable import printable, sweetspot
from engine.process.origin import Origin
from engine.registry import Resolved, check_data, dataset_called, find_source, source_at
from engine.regular_file import read_regular
from engine.resolve import PREVIEW_INTERVALS, merged
from engine.rundir.encoding import too_deep, unseal
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Parent, RunConfig, RunRecord, Source
from engine.sharing.delete import delete_run
from engine.tasks import task_config
from engine.validation import validated

if TYPE_CHECKING:
    from engine.loop.extension import More
    from engine.task import Task

LIMITS = ("max_epochs", "max_steps", "max_minutes")


@dataclass(frozen=True)
class Job:
    """All that decides a run: what to learn from, how, and where to write it. notes: what its data says of itself."""

    source: Source
    task: str
    training: TrainingConfig
    task_config: TaskConfig
    root: Path
    name: str
    record: RunRecord | None = None  # of the run that is resumed
    resumed_from_step: int | None = None
    more: More | None = None  # to train it for, from where it stands
    origin: Origin | None = None  # whose weights a fresh run begins with
    notes: tuple[str, ...] = ()


def asked_job(
    values: dict[str, Any],
    root: Path,
    *,
    source: str | None,
    name: str | None,
    config_file: Path | None,
    origin: Path | None,
    checkpoint: str | None,
) -> Job:
    """A fresh run as a command line asks for it; ``values`` are its settings, None where it names none.

    ``ConfigError``, ``DataError`` for what cannot be, as far as that is seen without torch.
    """
    if checkpoint is not None and origin is None:
        raise ConfigError("--checkpoint says where to begin in another run.", "Name that one too: --from RUN_DIR.")
    if source is None and origin is None:
        raise ConfigError("There is nothing to train on.", "Name a folder, a file, or one of: sweetspot datasets.")
    given = {name for name, value in values.items() if value is not None}
    if origin is not None:
        resolved = source_of(origin, source, given)
        saved = saved_config(config_file or Layout(expanded(origin)).run)
    else:
        assert source is not None
        saved = saved_config(config_file)
        resolved = find_source(source, given | saved["task"].keys())
    job = new_job(values, saved, resolved, root, name or resolved.source.name)
    return job if origin is None else replace(job, origin=Origin(expanded(origin), checkpoint))


def new_job(
    values: dict[str, Any], saved: Mapping[str, dict[str, Any]], resolved: Resolved, root: Path, name: str
) -> Job:
    """A fresh run from command-line ``values``, over those of a ``saved`` configuration, over the data set's own."""
    own = task_config(resolved.task)
    training = collect(TrainingConfig, values)
    given = {name for name, value in values.items() if value is not None}
    stray = given - {path[-1] for model in (TrainingConfig, own) for path, _ in leaves(model)}
    if stray:
        raise ConfigError(
            f"--{min(stray).replace('_', '-')} is no setting of the task {resolved.task!r}.", "Leave it out."
        )
    below = without_limits(saved["training"], training)
    return plain_job(resolved, merged(below, training), merged(saved["task"], collect(own, values)), root, name)


def plain_job(resolved: Resolved, training: dict[str, Any], task: dict[str, Any], root: Path, name: str) -> Job:
    """A fresh run from the settings of training and of the task, over the data set's own.

    Its data is looked at as far as that is quick: ``DataError`` comes before there is a run directory.
    """
    config = validated(TrainingConfig, merged(without_limits(resolved.defaults, training), training))
    own = validated(task_config(resolved.task), merged(resolved.task_defaults, task))
    notes = (*resolved.notes, *check_data(resolved.source, resolved.task, own))
    return Job(resolved.source, resolved.task, config, own, root, name, notes=notes)


def resumed_job(root: Path, source: Path | None) -> Job:
    """The run in ``root`` once more, as it was laid out; ``source`` names where its sounds are now."""
    record = RunReader(root).require_run(f"Start one with: {sweetspot('train', 'SOURCE', '--run-dir', root)}")
    training = validated(TrainingConfig, record.config.training)
    task = validated(task_config(record.task), record.config.task)
    where = record.source.located() if source is None else source_at(expanded(source).resolve(), record.source.name)
    return Job(_present(where, "--source PATH"), record.task, training, task, root, record.name, record)


def _present(where: Source, remedy: str) -> Source:
    """``where`` if it is still there; ``DataError`` otherwise.

    A data set by name: what has that name now, which its task may have to make, else the place it had.
    """
    if where.kind == "dataset" and dataset_called(where.name) is not None:
        return find_source(where.name).source
    if where.path is None or not Path(where.path).exists():
        there = "where it was" if where.path is None else f"in {printable(Path(where.path))}"
        raise DataError(f"The data is no longer {there}.", f"Name where it is now: {remedy}.")
    return where


def source_of(root: Path, source: str | None, named: Collection[str]) -> Resolved:
    """What a run that begins from the one in ``root`` learns from: ``source``, else what that one did."""
    record = RunReader(root).require_run()
    if source is None:
        return Resolved(_present(record.source.located(), "before --from"), record.task, {})
    resolved = find_source(source, {*named, *record.config.task})
    if resolved.task != record.task:
        raise ConfigError(
            f"{resolved.source.name} is nothing that {root.name} could learn from.", "Name the same kind of data."
        )
    return replace(resolved, defaults={}, task_defaults={})


def run_record(job: Job, task: Task, length: Length, planned_s: float, parent: Parent | None = None) -> RunRecord:
    """run.json of a fresh run. ``planned_s``: about how many seconds ``length`` takes on this machine."""
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
        batch_size=BatchLayout.of(task.config, task.num_train).batch_size,
        steps_per_epoch=length.steps_per_epoch,
        total_steps=length.total_steps,
        total_epochs=length.total_epochs,
        preview_every=length.preview_every,
        planned_s=round(planned_s, 1),
        metrics=list(task.metrics),
        monitor=task.monitor,
        can=job.task_config.can,
        parent=parent,
    )


def without_limits(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """``below`` as it is, but for its limits where ``above`` names one of its own: that one alone is meant. So is an
    interval between previews, without what bounded them before."""
    gone = {*LIMITS} if any(limit in above for limit in LIMITS) else set()
    gone |= {"preview_share"} if PREVIEW_INTERVALS & above.keys() else set()
    return {key: value for key, value in below.items() if key not in gone}


def saved_config(file: Path | None) -> dict[str, dict[str, Any]]:
    if file is None:
        return {"training": {}, "task": {}}
    try:
        raw = read_regular(file, RunRecord.most_bytes)
        values = json.loads(raw)
        if too_deep(values):
            raise ValueError("deeper than any settings")
        if "config" in values and unseal(raw) is None:
            raise ConfigError(
                f"{file} is no run.json as a training wrote it: it was changed or is damaged.",
                'To use other settings, put {"training": {…}, "task": {…}} into a file of its own.',
            )
        values = values.get("config", values)
        return {"training": dict(values["training"]), "task": dict(values["task"])}
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ConfigError(f"{file} cannot be read: {why}.", "Give a run's run.json.") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(
            f"{file} is no saved configuration.", 'Give a run\'s run.json, or {"training": {…}, "task": {…}}.'
        ) from error


def new_root(runs_dir: Path, name: str) -> Path:
    """A fresh directory below ``runs_dir``, made and empty: the name, in letters that every system has, and the moment.

    Made, not looked for: of two runs of one name in one second each gets its own. ``StorageError`` when it cannot be.
    """
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", anyascii(name)).strip("-._")[:40].rstrip("-._") or "run"
    stamp = time.strftime("%Y%m%d-%H%M%S")
    candidates = chain([f"{stem}-{stamp}"], (f"{stem}-{stamp}-{number}" for number in count(2)))
    try:
        return next(root for name in candidates if _made(root := runs_dir / name))
    except OSError as error:
        raise StorageError(
            f"{runs_dir} takes no new run: {error.strerror or error}.",
            "Free some space, check its rights, or name another place with --runs-dir.",
        ) from error


@contextmanager
def placed(job: Job, runs_dir: Path | None) -> Iterator[Job]:
    """``job`` with a directory of its own among ``runs_dir``, or as it is where that is None.

    A directory that was not there before goes again where no run came of it: nothing was written into it, or what was
    asked cannot be trained on, which who asked is told.
    """
    root = job.root if runs_dir is None else new_root(runs_dir, job.name)
    fresh = runs_dir is not None or not root.exists()
    try:
        yield replace(job, root=root)
    except (ConfigError, DataError):
        if fresh and not Layout(root).run.exists():
            with suppress(SweetspotError):
                delete_run(root)
        raise
    finally:
        if fresh:
            with suppress(OSError):
                root.rmdir()


def _made(root: Path) -> bool:
    try:
        root.mkdir(parents=True)
    except FileExistsError:
        if not root.parent.is_dir():
            raise  # a file is in the way
        return False
    return True
