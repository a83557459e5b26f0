"""Snapshots: the averaged weights of a moment one has heard, to use. And the lookup of any saved state by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engine.errors import DataError, RunDirectoryError
from engine.loop.checkpoint import load, load_newest, steps_saved
from engine.loop.state_file import UnreadableError, parse, serialise
from engine.rundir.artefacts import Artefact, manifest_of, read_verified, remove_artefact
from engine.rundir.layout import Layout, checkpoint_step, manifest, snapshot_moment
from engine.rundir.protocol import PROTOCOL
from engine.rundir.reader import RunReader

MOST_SNAPSHOTS = 40


def serialise_snapshot(average: nn.Module, task: dict[str, Any], *, half: bool = True) -> bytes:
    """Averaged weights (in ``half`` precision; buffers as they are, which may be too large for it) with the task's
    state: to use, not to resume."""
    trained = {name for name, _ in average.named_parameters(remove_duplicate=False)} if half else set()
    weights = {name: tensor.half() if name in trained else tensor for name, tensor in average.state_dict().items()}
    return serialise({"protocol": PROTOCOL, "model": weights, "task": task})


def load_snapshot(path: Path) -> dict[str, Any]:
    """{"average": weights, "task": state} of a snapshot that matches its manifest; ``RunDirectoryError`` otherwise."""
    found = read_verified(path)
    if found is None:
        raise RunDirectoryError(f"{path.name} is damaged or incomplete.", "Use another snapshot.")
    try:
        return parse_snapshot(found[0])
    except UnreadableError as error:
        raise RunDirectoryError(f"{path.name} is no snapshot of this program: {error}.", "Use another one.") from error


def parse_snapshot(data: bytes) -> dict[str, Any]:
    """What :func:`serialise_snapshot` made, weights in full precision; ``UnreadableError`` for anything else."""
    state = parse(data)
    if not isinstance(state, dict) or state.keys() != {"protocol", "model", "task"}:
        raise UnreadableError("it holds something else")
    weights = state["model"]
    if not isinstance(weights, dict) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise UnreadableError("it holds no weights")
    floats = {name: value.float() if value.is_floating_point() else value for name, value in weights.items()}
    return {"average": floats, "task": state["task"]}


def thin_snapshots(layout: Layout, most: int = MOST_SNAPSHOTS) -> None:
    """Thin evenly to ``most``: the first, the last, the one nearest the best epoch and those with a star stay.

    ``OSError`` where it is not known which have a star; all stay then.
    """
    reader = RunReader(layout.root)
    found = reader.snapshots()
    if len(found) <= most:
        return
    kept = reader.starred_states() | _recommended(reader, found)
    while len(found) > most and (spare := [item for item in found[1:-1] if item.path.name not in kept]):
        # The one whose neighbours lie closest together is missed least.
        victim = min(spare, key=lambda item: _gap(found, item))
        remove_artefact(victim.path)
        found.remove(victim)


def _gap(snapshots: list[Artefact], item: Artefact) -> int:
    """Steps between the neighbours of ``item``."""
    place = snapshots.index(item)
    before, after = (snapshot_moment(snapshots[place + side].path.name) for side in (-1, 1))
    assert before is not None and after is not None
    return after[1] - before[1]


def _recommended(reader: RunReader, snapshots: list[Artefact]) -> set[str]:
    """The snapshot nearest the best epoch: the one whose preview a viewer marks."""
    status = reader.status()
    moments = {item.path.name: moment for item in snapshots if (moment := snapshot_moment(item.path.name))}
    if status is None or status.best is None or not moments:
        return set()
    best = status.best.step
    return {min(moments, key=lambda name: abs(moments[name][1] - best))}


def find(layout: Layout, which: str | None) -> tuple[str, dict[str, Any]]:
    """The averaged weights and task state that ``which`` names: best, last, step-N or epoch-N; None: best, else last.

    A moment is that of a snapshot, of the best state or of a checkpoint, whichever was kept.

    A file's own name (``epoch-0045-step-00002970.safetensors``) names just that one.

    Returns the file's name and {"average": ..., "task": ...}; ``DataError`` when there is no such state.
    """
    if which and "." in which:
        return which, _load_named(layout, which)
    there = manifest(layout.best) if which is None else layout.best  # one asked for by name is judged, not passed over
    if which in (None, "best") and there.is_file():
        return layout.best.name, _usable(layout.best.name, _loaded(layout, layout.best, load))
    if which == "best":
        raise DataError(
            "This run has no best checkpoint.", _instead(layout, "Let it finish an epoch and save, or use last.")
        )
    if which in (None, "last"):
        newest, complaints = load_newest(layout)
        if newest is None:
            names = ", ".join(layout.checkpoint(step).name for step in steps_saved(layout)) if complaints else ""
            what = f"This run has no checkpoint that can be read{names and f': damaged are {names}'}."
            raise DataError(what, _instead(layout, "Train it longer, or use save-now."))
        return newest.file, _usable(newest.file, newest.state)
    return _find_moment(layout, str(which))


def _instead(layout: Layout, otherwise: str) -> str:
    """What can be used where no state is that was asked for; ``otherwise`` where nothing verifies. Reads all whole."""
    reader = RunReader(layout.root)
    whole = [item.manifest for item in (*reader.checkpoints(), *reader.snapshots()) if item.verified]
    epochs = sorted({record.epoch for record in whole if record is not None})
    return f"The weights of epoch {_list(epochs)} were kept: --checkpoint epoch-{epochs[-1]}" if epochs else otherwise


def _loaded(layout: Layout, path: Path, read: Callable[[Path], dict[str, Any]]) -> dict[str, Any]:
    """What ``read`` reads at ``path``; where that is damaged, its error names what can be used instead."""
    try:
        return read(path)
    except RunDirectoryError as error:
        if read_verified(path) is not None:  # whole, and refused for another reason: its own remedy holds
            raise
        raise RunDirectoryError(error.cause, _instead(layout, "Nothing else that was saved is whole.")) from error


def _load_named(layout: Layout, name: str) -> dict[str, Any]:
    if name == layout.best.name or checkpoint_step(name) is not None:
        return _usable(name, _loaded(layout, layout.checkpoints / name, load))
    if snapshot_moment(name) is not None:
        return _usable(name, _loaded(layout, layout.snapshots / name, load_snapshot))
    raise DataError(f"{name!r} names no checkpoint.", "Use best, last, step-N or epoch-N.")


def _find_moment(layout: Layout, which: str) -> tuple[str, dict[str, Any]]:
    word, _, number = which.partition("-")
    if word not in ("step", "epoch") or not number.isdecimal() or len(number) > 18:
        raise DataError(f"{which!r} names no checkpoint.", "Use best, last, step-N or epoch-N.")
    moments = _moments(layout)
    place = 0 if word == "epoch" else 1
    fitting = [path for path, moment in moments.items() if moment[place] == int(number)]
    if not fitting:
        known = sorted({moment[place] for moment in moments.values()})
        raise DataError(
            f"The weights of {word} {int(number)} were not kept.",
            f"Those of {word} {_list(known)} were." if known else "Nothing was saved yet.",
        )
    path = next((one for one in reversed(fitting) if Artefact(one, manifest_of(one)).verified), fitting[-1])
    state = _load_named(layout, path.name)
    if path == layout.best and _moments(layout).get(path) != moments[path]:  # it moved on while it was read
        return _find_moment(layout, which)
    return path.name, state


def _moments(layout: Layout) -> dict[Path, tuple[int, int]]:
    """(epoch, step) of all that can be used: checkpoints, best, then snapshots, which are what was heard, and stay."""
    reader = RunReader(layout.root)
    saved = [(item.path, item.manifest) for item in reader.checkpoints()]
    moments = {path: (record.epoch, record.step) for path, record in saved if record is not None}
    heard = [(item.path, snapshot_moment(item.path.name)) for item in reader.snapshots()]
    return moments | {path: moment for path, moment in heard if moment is not None}


def _usable(name: str, state: dict[str, Any]) -> dict[str, Any]:
    """``state`` when it has weights and what belongs to them; ``RunDirectoryError`` otherwise."""
    if not isinstance(state.get("average"), dict) or not isinstance(state.get("task"), dict):
        raise RunDirectoryError(f"{name} holds no weights to use.", "Use another one.")
    return state


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
