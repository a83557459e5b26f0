"""Saving, verifying and loading what a run is made of.

A checkpoint is serialised to memory, hashed and written whole, then its manifest: no manifest, no checkpoint. torch's
reader ignores the checksums of its own format, and loads most single-bit flips in silence; so the bytes are checked
against the manifest before they are parsed. Only plain types are ever unpickled (``weights_only``).
"""

from __future__ import annotations

import copy
import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn

from engine.errors import RunDirectoryError
from engine.loop.tracker import TrackerState
from engine.loop.vetting import DAMAGE, SuspiciousError, vet
from engine.rundir.artefacts import read_verified
from engine.rundir.layout import Layout, checkpoint_step, manifest
from engine.rundir.pair import remove
from engine.rundir.schema import PROTOCOL, Manifest

AVERAGE_DECAY = 0.99


class WeightAverage:
    """An exponential average of a model's weights, ramped: decay min(0.99, (1 + n) / (10 + n)) at update n."""

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self._pairs = list(zip(self.model.parameters(), model.parameters(), strict=True))

    @torch.no_grad()
    def update(self, step: int) -> None:
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for average, weight in self._pairs:
            average.lerp_(weight, 1 - decay)


@dataclass(frozen=True)
class Loaded:
    """A checkpoint that verified."""

    file: str
    step: int
    state: dict[str, Any]


def serialise(state: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


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
        "tracker": asdict(tracker),
        "task": task,
    }


def restore(
    state: dict[str, Any],
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    average: WeightAverage,
    take_task: Callable[[dict[str, Any]], None],
) -> TrackerState:
    """The inverse of :func:`training_state`; ``RunDirectoryError`` when shapes or settings do not fit.

    take_task: gets the task's own state, which it may refuse with ``ValueError``.
    """
    try:
        model.load_state_dict(state["model"])
        average.model.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        _check_moments(optimizer)
        take_task(state["task"])
        known = {item.name for item in fields(TrackerState)}
        values = {name: value for name, value in state["tracker"].items() if name in known}
        return TypeAdapter(TrackerState).validate_python(values)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise RunDirectoryError(
            f"The checkpoint does not fit this run's model: {error}".splitlines()[0],
            "It was made with other settings; start a new run.",
        ) from error


def _check_moments(optimizer: torch.optim.Optimizer) -> None:
    """``ValueError`` unless what the optimizer remembers of each weight has its shape or is one number."""
    for weight, memory in optimizer.state.items():
        for name, value in memory.items():
            if isinstance(value, torch.Tensor) and value.shape not in (weight.shape, torch.Size()):
                raise ValueError(f"{name} has the shape {tuple(value.shape)}, its weight {tuple(weight.shape)}")


def load(path: Path) -> dict[str, Any]:
    """The state in a checkpoint whose bytes match its manifest; ``RunDirectoryError`` otherwise."""
    found = read_verified(path)
    if found is None:
        raise RunDirectoryError(f"{path.name} is damaged or incomplete.", "Use another checkpoint.")
    try:
        vet(found[0])
        state = torch.load(io.BytesIO(found[0]), map_location="cpu", weights_only=True)
    except DAMAGE as error:
        why = f": {error}" if isinstance(error, SuspiciousError) else ""
        raise RunDirectoryError(f"{path.name} is no checkpoint of this program{why}.", "Use another one.") from error
    if not isinstance(state, dict) or not isinstance(state.get("protocol"), int):
        raise RunDirectoryError(f"{path.name} is no checkpoint of this program.", "Use another one.")
    if state["protocol"] > PROTOCOL:
        raise RunDirectoryError(f"{path.name} was written by a newer version.", "Update Sweetspot to read it.")
    return state


def steps_saved(layout: Layout) -> list[int]:
    """The steps of all checkpoints that have a manifest, newest first."""
    names = (path.name for path in layout.checkpoints.glob("step-*.pt")) if layout.checkpoints.is_dir() else ()
    steps = (checkpoint_step(name) for name in names)
    return sorted((step for step in steps if step and manifest(layout.checkpoint(step)).is_file()), reverse=True)


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


def prune(layout: Layout, keep: int, newest: int) -> None:
    """Remove all but the ``keep`` newest checkpoints up to step ``newest``, the one that was just written or loaded.

    A later one did not verify when this session began, or it would have gone on from it: it counts for none.
    """
    for step in [step for step in steps_saved(layout) if step <= newest][keep:]:
        remove(layout.checkpoint(step))
