"""Data by name or by path: which task learns from it, and with what settings. Imports no torch.

Each task brings its own in ``tasks/<name>/datasets.py``: ``DATASETS``, those that come with the project, and
``claim(path, named)``, which says whether it can learn from what lies at a path. Users name their own data with
``sweetspot datasets add``; each is one file in ``$SWEETSPOT_CONFIG`` or the place the system has for settings.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import ConfigError, DataError, StorageError
from engine.home import expanded, own_place
from engine.printable import printable
from engine.regular_file import read_regular
from engine.rundir.atomic import replace_bytes
from engine.rundir.layout import is_run_id
from engine.rundir.protocol import Record
from engine.rundir.record import Source
from engine.settings import Settings
from engine.sources import Claim, Dataset, Description, Offer
from engine.tasks import task_config, task_names
from engine.validation import validated


@dataclass(frozen=True)
class Resolved:
    """What a SOURCE on the command line stands for."""

    source: Source
    task: str
    defaults: dict[str, Any]
    task_defaults: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()  # what else it could have stood for


class _Entry(BaseModel):
    """A user's data set as it is stored."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    description: str
    task: str
    path: str
    defaults: dict[str, Any] = {}
    task_defaults: dict[str, Any] = {}
    task_type: str = "generation"
    num_features: int = 0
    num_classes: int = 0


def datasets() -> dict[str, Dataset]:
    """All data sets by id: those that come with the project, then the user's own."""
    found = {entry.id: entry for _, module in _modules() for entry in module.DATASETS}
    for entry in _users_own():
        found.setdefault(entry.id, entry)
    return found


def get_dataset(dataset_id: str) -> Dataset:
    """The data set called ``dataset_id``; ``DataError`` with the known names otherwise."""
    known = datasets()
    if dataset_id not in known:
        raise DataError(f"There is no data set called {dataset_id!r}.", f"Known are: {', '.join(sorted(known))}.")
    return known[dataset_id]


def find_source(text: str, named: Collection[str] = ()) -> Resolved:
    """A data set by its name, or what lies at a path; ``DataError`` when it is neither.

    A name wins, for a path can be written as ./NAME too; ``notes`` say where one is called the same. named: the
    settings that were given beside it; one that a single task knows decides between several.
    """
    known = dataset_called(text)
    path = expanded(text)
    if known is not None:
        return replace(_resolve(known), notes=_also_here(known, path))
    if text and path.exists():
        task, claim = _claimant(path.resolve(), named)
        place = path.resolve()
        return Resolved(source_at(place, place.name if place.is_dir() else place.stem), task, dict(claim.defaults))
    if _is_path(text):
        raise _no_such_path(path)
    raise DataError(
        f"{text!r} is neither a folder or table here nor a data set.",
        f"Give the path of a folder of sounds or of a CSV file, or one of: {', '.join(sorted(datasets()))}.",
    )


def source_at(place: Path, name: str) -> Source:
    """What lies at a full path, as a folder or a file that is called ``name``."""
    return Source(kind="folder" if place.is_dir() else "file", name=name, path=str(place))


def dataset_called(text: str) -> Dataset | None:
    """The data set that ``text`` names, whatever lies at a path of that name; None where it is none."""
    return None if _is_path(text) else datasets().get(text)


def _also_here(dataset: Dataset, path: Path) -> tuple[str, ...]:
    """What to say where something else lies here that is called as ``dataset`` is."""
    if not path.exists() or (dataset.path is not None and dataset.path.exists() and path.samefile(dataset.path)):
        return ()
    return (f"{dataset.id} is the data set of that name; what lies here under it is ./{dataset.id}.",)


def _is_path(text: str) -> bool:
    """Whether ``text`` is meant as a path, also where nothing lies: no name of a data set has a slash or a tilde."""
    return any(mark in text for mark in ("/", os.sep, "~"))


def _no_such_path(path: Path) -> DataError:
    """Says how far the path leads, so that its user sees which part of it is wrong."""
    there = next(place for place in path.absolute().parents if place.is_dir())
    missing = path.absolute().relative_to(there).parts[0]
    ends = "" if path == there / missing else f": there is no {printable(Path(missing))} in {printable(there)}"
    return DataError(
        f"{printable(path)} does not exist{ends}.",
        "Give the path of a folder of sounds or of a CSV file.",
    )


def offers(path: Path) -> list[Offer]:
    """What a path can be learned for, by the tasks that say so (``offers(path)`` beside their ``claim``).

    What comes without any setting stands first.
    """
    asked = (getattr(module, "offers", None) for _, module in _modules())
    found = [offer for ask in asked if ask is not None for offer in ask(path)]
    return sorted(found, key=lambda offer: len(offer.settings))


def learns_from_file(name: str) -> bool:
    """Whether a task learns from one file of this name alone: a table."""
    return any(module.claim(Path(name), ()) is not None for _, module in _modules())


def describe(text: str, settings: Mapping[str, Any]) -> Description:
    """What is to be learned from a path, read for it, or from a data set by its name.

    settings: the task's own, by name. ``DataError`` when nothing can be learned there; ``ConfigError``.
    """
    known = dataset_called(text)
    if known is None:
        found = find_source(text, settings)
        task, path = found.task, Path(found.source.path or text)
    else:
        if known.path is None:
            return Description(known.task_type, known.num_features, known.num_classes, (), known.num_items)
        task, path, settings = known.task, known.path, {**known.task_defaults, **settings}
    described, _ = _module(task).describe(path.resolve(), validated(task_config(task), dict(settings)))
    return cast(Description, described)


def check_data(source: Source, task: str, config: Settings) -> tuple[str, ...]:
    """What a task decides of its data, a sentence each, before a run begins and torch is loaded.

    By the tasks that can tell so early (``check_data(source, config)`` beside their ``claim``). ``DataError`` when the
    data cannot be learned from; ``ConfigError``.
    """
    check = getattr(_module(task), "check_data", None)
    return () if check is None else tuple(check(source, config))


def register(dataset_id: str, path: Path, description: str, settings: Mapping[str, Any], *, replace: bool) -> Dataset:
    """Give the data at ``path`` a name. ``settings``: the task's own, by name; all of it is checked first.

    ``DataError`` when the name cannot be or is taken, or when nothing can be learned there; ``ConfigError``,
    ``StorageError``.
    """
    if not is_run_id(dataset_id):
        raise DataError(
            f"{dataset_id!r} cannot name a data set.", "Use 1 to 64 letters, digits, dots, dashes or underscores."
        )
    taken = datasets().get(dataset_id)
    if taken is not None and not (replace and taken.user):
        remedy = "Use --replace to put this in its place." if taken.user else "It comes with Sweetspot: use another."
        raise DataError(f"There is a data set called {dataset_id!r} already.", remedy)
    if not expanded(path).exists():
        raise DataError(f"{path} does not exist.", "Name a folder of sounds or a CSV file.")
    path = expanded(path).resolve()
    task, claim = _claimant(path, settings)
    own = validated(task_config(task), dict(settings))
    described, own = _module(task).describe(path, own)
    entry = _Entry(
        id=dataset_id,
        description=description,
        task=task,
        path=str(path),
        defaults=dict(claim.defaults),
        task_defaults=own.model_dump(mode="json", exclude_unset=True),
        **asdict(described),
    )
    try:
        _home().mkdir(parents=True, exist_ok=True)
        replace_bytes(_file(dataset_id), entry.model_dump_json(indent=1).encode(), durable=True)
    except OSError as error:
        raise StorageError(f"{_home()} cannot be written: {error.strerror or error}.", "Check its rights.") from error
    return _dataset(entry)


def unregister(dataset_id: str) -> None:
    """Forget the name of a user's data set; the data stays. ``DataError`` when there is no such name."""
    if not get_dataset(dataset_id).user:
        raise DataError(f"{dataset_id!r} comes with Sweetspot.", "Only data sets you added can be removed.")
    _file(dataset_id).unlink(missing_ok=True)


def _claimant(path: Path, named: Collection[str]) -> tuple[str, Claim]:
    claims = {task: claim for task, module in _modules() if (claim := module.claim(path, named)) is not None}
    if not claims:
        raise DataError(f"Nothing here can learn from {path.name}.", "Give a folder of sounds or a CSV file.")
    # One that an option speaks for comes before one that merely could.
    return min(claims.items(), key=lambda item: not item[1].by_option)


def _resolve(dataset: Dataset) -> Resolved:
    path = dataset.path
    if path is None:  # one that comes with the project is small, and made ready before a run begins
        loaded = dataset.load()
        path = loaded if isinstance(loaded, Path) else None
    if path is not None and not path.exists():
        raise DataError(
            f"The data of {dataset.id!r} is no longer in {path}.",
            "Put it back, or name its new place with datasets add.",
        )
    source = Source(kind="dataset", name=dataset.id, path=None if path is None else str(path))
    return Resolved(source, dataset.task, dataset.defaults, dataset.task_defaults)


def _modules() -> Iterator[tuple[str, ModuleType]]:
    for task in task_names():
        if find_spec(f"engine.tasks.{task}.datasets") is not None:
            yield task, _module(task)


def _module(task: str) -> ModuleType:
    return importlib.import_module(f"engine.tasks.{task}.datasets")


def _home() -> Path:
    return (
        own_place("SWEETSPOT_CONFIG", lambda: platformdirs.user_config_dir("sweetspot", appauthor=False)) / "datasets"
    )


def _file(dataset_id: str) -> Path:
    return _home() / f"{dataset_id}.json"


def _users_own() -> Iterator[Dataset]:
    """A file that is no such entry (any more) is passed over: it must not hide the others."""
    tasks = task_names()
    try:
        home = _home()
    except ConfigError:  # who has no home has put none there
        return
    for path in sorted(home.glob("*.json")):
        try:
            entry = _Entry.model_validate_json(read_regular(path, Record.most_bytes))
        except (OSError, ValidationError):
            continue
        if entry.task in tasks and entry.id == path.stem:
            yield _dataset(entry)


def _dataset(entry: _Entry) -> Dataset:
    path = Path(entry.path)
    load = partial(_module(entry.task).load, path, entry.task_defaults)
    values = entry.model_dump(exclude={"path"})
    return Dataset(**values, load=load, origin=entry.path, path=path, user=True)
