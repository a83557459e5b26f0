"""Named data sets, discovered from ``tasks/<name>/datasets.py`` when they are asked for. Imports no torch."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from engine.errors import DataError
from engine.rundir.schema import Source
from engine.tasks import task_names

FOLDER_TASK = "vae"


@dataclass(frozen=True)
class Dataset:
    """A data set by name. ``load()`` makes it ready and returns where it lies; ``defaults`` are tuned settings."""

    id: str
    description: str
    task: str
    load: Callable[[], Path | None]
    defaults: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resolved:
    """What a SOURCE on the command line stands for."""

    source: Source
    task: str
    defaults: dict[str, Any]


def datasets() -> dict[str, Dataset]:
    """All registered data sets by id."""
    found: dict[str, Dataset] = {}
    for task in task_names():
        if find_spec(f"engine.tasks.{task}.datasets") is not None:
            module = importlib.import_module(f"engine.tasks.{task}.datasets")
            found |= {entry.id: entry for entry in module.DATASETS}
    return found


def get_dataset(dataset_id: str) -> Dataset:
    """The data set called ``dataset_id``; ``DataError`` with the known names otherwise."""
    known = datasets()
    if dataset_id not in known:
        raise DataError(f"There is no data set called {dataset_id!r}.", f"Known are: {', '.join(sorted(known))}.")
    return known[dataset_id]


def find_source(text: str) -> Resolved:
    """A folder, or a data set by its name; an existing path wins. ``DataError`` when it is neither."""
    path = Path(text).expanduser()
    if path.exists():
        return Resolved(Source(kind="folder", name=path.resolve().name, path=str(path.resolve())), FOLDER_TASK, {})
    if text not in datasets():
        raise DataError(
            f"{text!r} is neither a folder here nor a data set.",
            f"Give the path of a folder of sounds, or one of: {', '.join(sorted(datasets()))}.",
        )
    return _load(get_dataset(text))


def _load(dataset: Dataset) -> Resolved:
    path = dataset.load()
    source = Source(kind="dataset", name=dataset.id, path=None if path is None else str(path))
    return Resolved(source, dataset.task, dataset.defaults)
