"""Which runs stand beside one another, what they are called, and what of them can be held against each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from app.runs.data import dataset_of
from app.runs.launch import launcher
from app.runs.library import Library
from app.runs.store import MetricsStore, metrics_of
from engine.claims.comparison import Checked
from engine.errors import RunDirectoryError
from engine.rundir.reader import RunReader
from engine.rundir.record import MetricSpec, RunRecord
from engine.rundir.view import RunView
from engine.tasks import task_config, task_names

FEWEST, MOST = 2, 10
READERS = 4
THIN_BYTES = 1 << 22  # Of up to ten runs at once each is drawn from fewer steps: ten of 100,000 are read in a second.
# What an event says of itself, and is no curve.
_COUNTS = frozenset({
    "epoch", "total_epochs", "step", "total_steps", "at", "elapsed_s", "elapsed_seconds", "eta_seconds",
})  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One of the runs. number: from 1, its place among them and so its colour."""

    number: int
    name: str
    reader: RunReader
    view: RunView
    run: RunRecord

    @property
    def store(self) -> MetricsStore:
        return metrics_of(self.reader.root, THIN_BYTES)


def called(found: Iterable[tuple[RunReader, RunView]]) -> dict[str, str]:
    """What each run is called, by its id; those that share a name are told apart by their directories."""
    names = {reader.id: launcher().name_of(view, reader.root) for reader, view in found}
    often = Counter(names.values())
    return {one: name if often[name] == 1 or name == one else f"{name} · {one}" for one, name in names.items()}


def kind(run: RunRecord) -> tuple[str, str]:
    """What two runs must have in common to be held against each other: their task, and what it is judged by."""
    return run.task, run.monitor.metric


def gather(library: Library, ids: Sequence[str]) -> tuple[list[Compared], list[str]]:
    """The runs called ``ids``, the first ten of them, in that order, and a sentence on each that cannot be shown."""
    opened: list[tuple[RunReader, RunView]] = []
    absent = []
    for one in list(dict.fromkeys(ids))[:MOST]:
        reader = library.find(one)
        try:
            if reader is None:
                absent.append(f"There is no run {one} here. It may lie in another directory, or be gone.")
            elif (view := library.view(reader)).run is None:
                absent.append(f"{one} has nothing to compare yet, or its record cannot be read.")
            else:
                opened.append((reader, view))
        except RunDirectoryError as error:
            absent.append(str(error))
    names = called(opened)
    runs = [
        Compared(number, names[reader.id], reader, view, view.run)
        for number, (reader, view) in enumerate(opened, 1)
        if view.run is not None
    ]
    return runs, absent


def refresh(runs: Sequence[Compared]) -> None:
    """Take in what was added to each, side by side: the first time all of it is read."""
    stores = [one.store for one in runs]  # asked for here: the cache belongs to the page's thread
    with ThreadPoolExecutor(READERS) as pool:
        list(pool.map(MetricsStore.refresh, stores))


def shared_metrics(runs: Sequence[Compared]) -> dict[str, MetricSpec]:
    """The curves that all ``runs`` have which have any, the one they are judged by first; in one unit."""
    found: dict[str, MetricSpec] | None = None
    for one in runs:
        own = _metrics(one)
        if own:
            mutual = found if found is not None else own
            found = {name: spec for name, spec in mutual.items() if name in own and own[name].unit == spec.unit}
    return found or {}


def _metrics(one: Compared) -> dict[str, MetricSpec]:
    recorded = dict.fromkeys([*one.store.epochs.names(), *one.store.steps.names()])
    monitor = one.run.monitor
    first = [monitor.metric, monitor.reference, *(spec.name for spec in one.run.metrics)]
    known = {spec.name: spec for spec in one.run.metrics}
    names = [name for name in dict.fromkeys([*first, *recorded]) if name in recorded and name not in _COUNTS]
    return {name: known.get(name) or MetricSpec(name=name, label=name.replace("_", " ")) for name in names}


def checked(one: Compared) -> Checked:
    """What its held-out files said at its best epoch."""
    status, run = one.view.status, one.run
    best = status.best if status else None
    config: Mapping[str, Any] = run.config.task
    names = task_config(run.task).measured_by if run.task in task_names() else ()
    return Checked(
        name=one.name,
        task=run.task,
        monitor=run.monitor,
        value=best.raw if best else None,
        errors=_errors(one, best.epoch) if best else {},
        measure={name: config.get(name) for name in names},
    )


def _errors(one: Compared, epoch: int) -> dict[Any, float]:
    """By held-out file, copies of one sound once. A file is known by its name, and by what was measured of it."""
    dataset, metric = dataset_of(one.reader), one.run.monitor.files
    if dataset is None or metric is None:
        return {}
    rows = [row for row in dataset.files if row.split == "val" and row.verdict != "skipped"]
    found = one.store.listed(metric, epoch)
    return {
        (row.path, row.duration_s, row.sample_rate, row.channels, row.peak_db): float(error)
        for row, error in zip(rows, found, strict=False)
        if row.same_as is None
    }
