"""Saving, verifying and loading what a run is made of.

A checkpoint is serialised to memory, hashed and written whole, then its manifest: no manifest, no checkpoint. The
format has no checksums of its own; so the bytes are checked against the manifest before they are parsed.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from engine.errors import RunDirectoryError, lacks_memory
from engine.loop.state_file import UnreadableError, parse
from engine.loop.tracker import TrackerState
from engine.rundir.artefacts import read_verified, remove_artefact
from engine.rundir.layout import Layout, checkpoint_step, manifest
from engine.rundir.protocol import PROTOCOL, Manifest, other_protocol
from engine.rundir.reading import own_file

AVERAGE_DECAY = 0.99
_MOMENTS = ("exp_avg", "exp_avg_sq")  # what Adam and AdamW remember of a weight, beside the number of its updates


class WeightAverage:
    """An exponential average of a model's weights, ramped: decay min(0.99, (1 + n) / (10 + n)) at update n.

    Buffers (the running statistics of a BatchNorm, a count) are as the model has them: those that average do it by
    themselves, and the others have no mean.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._pairs = list(zip(self.model.parameters(), model.parameters(), strict=True))
        self._buffers = list(zip(self.model.buffers(), model.buffers(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for average, weight in self._pairs:
            average.lerp_(weight, 1 - decay)
        for copied, buffer in self._buffers:
            copied.copy_(buffer)


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that verified."""

    file: str
    step: int
    state: dict[str, Any]


def describe(data: bytes, path: Path, step: int, epoch: int, metrics: Mapping[str, float]) -> Manifest:
    """The manifest that belongs to ``data``."""
    return Manifest(
        file=path.name,
        step=step,
        epoch=epoch,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        metrics=dict(metrics),
    )


def training_state(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
    tracker: TrackerState,
    task: dict[str, Any],
) -> dict[str, Any]:
    """All that exact resume needs."""
    return {
        "protocol": PROTOCOL,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "average": average.model.state_dict(),
        "tracker": _with_curves_of_files(asdict(tracker)),
        "task": task,
    }


def _with_curves_of_files(tracker: dict[str, Any]) -> dict[str, Any]:
    """An error for each epoch and held-out file may be millions of numbers: a tensor [epochs, files], not words."""
    return tracker | {"files": torch.tensor(tracker["files"], dtype=torch.float64)}


def restore(
    state: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
) -> TrackerState:
    """The inverse of :func:`training_state`; ``RunDirectoryError``, and nothing is changed, when it does not fit."""
    with must_fit():
        for name in ("model", "average", *(["best"] if "best" in state else [])):
            _check_weights(state[name], model.state_dict())
        remembered = _fitting(state["optimizer"], optimizer)
        known = {item.name for item in fields(TrackerState)}
        values = {name: value for name, value in state["tracker"].items() if name in known}
        if isinstance(files := values.get("files"), torch.Tensor):  # a list of lists in runs of version 0.1.0
            values["files"] = files.tolist()
        tracker = TypeAdapter(TrackerState).validate_python(values)
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["average"])
        optimizer.load_state_dict(remembered)
        _lay_out_as_weights(optimizer)
    return tracker


def begin(weights: Mapping[str, Any], model: nn.Module, average: WeightAverage) -> None:
    """Set both to ``weights`` of another run; ``RunDirectoryError``, and nothing is changed, when they do not fit."""
    with must_fit():
        _check_weights(weights, model.state_dict())
        model.load_state_dict(weights)
        average.model.load_state_dict(weights)


@contextmanager
def must_fit() -> Iterator[None]:
    """What goes wrong within this is said to be the checkpoint's fault, as ``RunDirectoryError``."""
    try:
        yield
    except (AttributeError, KeyError, OverflowError, RuntimeError, TypeError, ValueError) as error:
        if lacks_memory(error):  # torch says so by a RuntimeError
            raise
        raise RunDirectoryError(
            f"The checkpoint does not fit this run's model: {error}".splitlines()[0][:300],
            "It was made with other settings; start a new run.",
        ) from error


def _check_weights(stored: Mapping[str, Any], own: Mapping[str, torch.Tensor]) -> None:
    if stored.keys() != own.keys():
        raise ValueError(f"only one of them has {min(map(str, stored.keys() ^ own.keys()))}")
    for name, tensor in own.items():
        _check_tensor(name, stored[name], tensor.shape, tensor.dtype)


def _check_tensor(name: str, stored: Any, shape: torch.Size, dtype: torch.dtype) -> None:
    if not isinstance(stored, torch.Tensor) or (stored.shape, stored.dtype) != (shape, dtype):
        what = f"{stored.dtype} {list(stored.shape)}" if isinstance(stored, torch.Tensor) else type(stored).__name__
        raise ValueError(f"{name} is {what}, not {dtype} {list(shape)}")


def _fitting(stored: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """``stored`` for ``optimizer`` to load: numbers and memory are its own, how to compute is this process's choice.

    ``ValueError`` unless what it remembers of each weight has that one's shape and type.
    """
    own = optimizer.state_dict()["param_groups"]
    groups = [mine | _numbers(saved) for mine, saved in zip(own, stored["param_groups"], strict=True)]
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    for index, memory in stored["state"].items():
        if index not in range(len(weights)) or memory.keys() != {"step", *_MOMENTS}:
            raise ValueError(f"its optimizer remembers something else of weight {index}")
        _check_tensor(f"step of weight {index}", memory["step"], torch.Size(), torch.float32)
        for name in _MOMENTS:
            _check_tensor(f"{name} of weight {index}", memory[name], weights[index].shape, weights[index].dtype)
    return {"state": stored["state"], "param_groups": groups}


def _numbers(group: Mapping[str, Any]) -> dict[str, Any]:
    first, second = group["betas"]
    return {name: float(group[name]) for name in ("lr", "eps", "weight_decay")} | {
        "betas": (float(first), float(second))
    }


def _lay_out_as_weights(optimizer: torch.optim.Optimizer) -> None:
    """Give moments the strides of their weights: a file knows rows only, and the fused update takes all by address."""
    for weight, memory in optimizer.state.items():
        for name in _MOMENTS:
            memory[name] = torch.empty_like(weight).copy_(memory[name])


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint whose bytes match its manifest; ``RunDirectoryError`` otherwise."""
    found = read_verified(path)
    if found is None:
        raise RunDirectoryError(f"{path.name} is damaged or incomplete.", "Use another checkpoint.")
    try:
        state = parse(found[0])
    except UnreadableError as error:
        raise RunDirectoryError(
            f"{path.name} is no checkpoint of this program: {error}.", "Use another one."
        ) from error
    if not isinstance(state, dict) or not isinstance(state.get("protocol"), int):
        raise RunDirectoryError(f"{path.name} is no checkpoint of this program.", "Use another one.")
    if state["protocol"] != PROTOCOL:
        raise other_protocol(path.name, state["protocol"])
    return state


def steps_saved(layout: Layout) -> list[int]:
    """The steps of all checkpoints that have a manifest, newest first."""
    names = (path.name for path in layout.checkpoints.glob("step-*.safetensors")) if layout.checkpoints.is_dir() else ()
    steps = (checkpoint_step(name) for name in names)
    return sorted(
        (step for step in steps if step is not None and own_file(manifest(layout.checkpoint(step)))), reverse=True
    )


def load_newest(layout: Layout) -> tuple[Loaded | None, list[str]]:
    """The newest checkpoint that verifies, and a sentence for each newer one that does not."""
    complaints = []
    for step in steps_saved(layout):
        path = layout.checkpoint(step)
        try:
            state = load(path)
        except RunDirectoryError as error:
            complaints.append(str(error))
            continue
        return Loaded(path.name, step, state), complaints
    return None, complaints


def prune(layout: Layout, keep: int, newest: int, passed_over: Collection[int] = ()) -> None:
    """Remove all but the ``keep`` newest checkpoints up to step ``newest``, the one that was just written or loaded.

    passed_over: steps that did not verify when this session began, or it would have gone on from them. They count for
    none: left while they lie ahead, removed with those of no use once the run has come by.
    """
    behind = [step for step in steps_saved(layout) if step <= newest]
    kept = [step for step in behind if step not in passed_over][:keep]
    for step in behind:
        if step not in kept:
            remove_artefact(layout.checkpoint(step))
