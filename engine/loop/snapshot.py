"""Snapshots: the averaged weights of a moment one has heard, to use. And the lookup of any saved state by its name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from engine.errors import DataError, RunDirectoryError
from engine.loop.checkpoint import load, load_newest, steps_saved
from engine.loop.vetting import DAMAGE
from engine.rundir.artefacts import Artefact, read_verified
from engine.rundir.layout import Layout, checkpoint_step, manifest, snapshot_moment
from engine.rundir.pair import remove
from engine.rundir.reader import RunReader
from engine.rundir.schema import PROTOCOL

MOST_SNAPSHOTS = 40
UNREADABLE = (*DAMAGE, safetensors.SafetensorError, RecursionError)


def serialise_snapshot(average: nn.Module, task: dict[str, Any], *, half: bool = True) -> bytes:
    """Averaged weights (in ``half`` precision) with the task's state, as safetensors: to use, not to resume.

    The same state gives the same bytes.
    """
    tensors: dict[str, torch.Tensor] = {}
    for name, tensor in average.state_dict().items():
        value = tensor.half() if half and tensor.is_floating_point() else tensor
        tensors[f"model.{name}"] = value.cpu().contiguous()
    plain = _flatten(task, tensors, "task")
    return _in_order(safetensors.torch.save(tensors, {"protocol": str(PROTOCOL), "task": json.dumps(plain)}))


def _in_order(data: bytes) -> bytes:
    """``data`` with its header's keys sorted: safetensors writes its metadata in an order of chance."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of eight bytes
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def _flatten(value: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """``value`` with its tensors moved into ``tensors`` and named in their place."""
    if isinstance(value, torch.Tensor):
        tensors[name] = value.cpu().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {key: _flatten(item, tensors, f"{name}.{key}") for key, item in value.items()}
    return value


def _unflatten(value: Any, tensors: Mapping[str, torch.Tensor]) -> Any:
    if isinstance(value, dict):
        if set(value) == {"tensor"}:
            return tensors[value["tensor"]]
        return {key: _unflatten(item, tensors) for key, item in value.items()}
    return value


def load_snapshot(path: Path) -> dict[str, Any]:
    """{"average": weights, "task": state} of a snapshot that matches its manifest; ``RunDirectoryError`` otherwise."""
    found = read_verified(path)
    if found is None:
        raise RunDirectoryError(f"{path.name} is damaged or incomplete.", "Use another snapshot.")
    try:
        return parse_snapshot(found[0])
    except UNREADABLE as error:
        raise RunDirectoryError(f"{path.name} is no snapshot of this program.", "Use another one.") from error


def parse_snapshot(data: bytes) -> dict[str, Any]:
    """What :func:`serialise_snapshot` made, weights in full precision; one of ``UNREADABLE`` for anything else."""
    tensors = safetensors.torch.load(data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])["__metadata__"]
    weights = {name[6:]: value.float() for name, value in tensors.items() if name.startswith("model.")}
    return {"average": weights, "task": _unflatten(json.loads(header["task"]), tensors)}


def thin_snapshots(layout: Layout, most: int = MOST_SNAPSHOTS) -> None:
    """Thin evenly to ``most``: starred ones, the first and the last stay."""
    found = RunReader(layout.root).snapshots()
    while len(found) > most and (spare := [item for item in found[1:-1] if not _starred(item)]):
        # The one whose neighbours lie closest together is missed least.
        victim = min(spare, key=lambda item: _gap(found, item))
        remove(victim.path)
        found.remove(victim)


def _gap(found: list[Artefact], item: Artefact) -> int:
    """Steps between the neighbours of ``item``."""
    place = found.index(item)
    before, after = (snapshot_moment(found[place + side].path.name) for side in (-1, 1))
    assert before is not None and after is not None
    return after[1] - before[1]


def _starred(item: Artefact) -> bool:
    return item.manifest is not None and item.manifest.starred


def find(layout: Layout, which: str | None) -> tuple[str, dict[str, Any]]:
    """The averaged weights and task state that ``which`` names: best, last, step-N or epoch-N; None: best, else last.

    A file's own name (``epoch-0045-step-00002970.safetensors``) names just that one.

    Returns the file's name and {"average": ..., "task": ...}; ``DataError`` when there is no such state.
    """
    if which and "." in which:
        return which, _load_named(layout, which)
    if which in (None, "best") and manifest(layout.best).is_file():
        return layout.best.name, _usable(layout.best.name, load(layout.best))
    if which == "best":
        raise DataError("This run has no best checkpoint yet.", "Let it finish an epoch and save, or use last.")
    if which in (None, "last"):
        newest, _ = load_newest(layout)
        if newest is None:
            raise DataError("This run has no checkpoint that can be read.", "Train it longer, or use save-now.")
        return newest.file, _usable(newest.file, newest.state)
    return _find_moment(layout, str(which))


def _load_named(layout: Layout, name: str) -> dict[str, Any]:
    if name == layout.best.name or checkpoint_step(name) is not None:
        return load(layout.checkpoints / name)
    if snapshot_moment(name) is not None:
        return load_snapshot(layout.snapshots / name)
    raise DataError(f"{name!r} names no checkpoint.", "Use best, last, step-N or epoch-N.")


def _find_moment(layout: Layout, which: str) -> tuple[str, dict[str, Any]]:
    word, _, number = which.partition("-")
    if word not in ("step", "epoch") or not number.isdecimal() or len(number) > 18:
        raise DataError(f"{which!r} names no checkpoint.", "Use best, last, step-N or epoch-N.")
    wanted = int(number)
    if word == "step" and wanted in steps_saved(layout):
        path = layout.checkpoint(wanted)
        return path.name, _usable(path.name, load(path))
    moments = {path: snapshot_moment(path.name) for path in sorted(layout.snapshots.glob("*.safetensors"))}
    place = 0 if word == "epoch" else 1
    fitting = [path for path, moment in moments.items() if moment and moment[place] == wanted]
    if not fitting:
        known = sorted({moment[place] for moment in moments.values() if moment})
        raise DataError(f"There is no snapshot of {word} {wanted}.", f"There is one of {word} {_list(known)}.")
    return fitting[-1].name, _usable(fitting[-1].name, load_snapshot(fitting[-1]))


def _usable(name: str, state: dict[str, Any]) -> dict[str, Any]:
    """``state`` when it has weights and what belongs to them; ``RunDirectoryError`` otherwise."""
    if not isinstance(state.get("average"), dict) or not isinstance(state.get("task"), dict):
        raise RunDirectoryError(f"{name} holds no weights to use.", "Use another one.")
    return state


def _list(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers)) or "none"
