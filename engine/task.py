"""The seam: what a task brings, so that the trainer needs to know neither sound nor a metric's name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import nn

from engine.claims.kinds import Finding, Kind
from engine.config import TaskConfig, TrainingConfig
from engine.metrics import MetricsHistory
from engine.rundir.record import FileRow, MetricSpec, Monitor, Side, Source

__all__ = [
    "Batch",
    "FileRow",
    "Finding",
    "Kind",
    "MetricSpec",
    "Monitor",
    "OpenContext",
    "Preview",
    "Source",
    "StepOutput",
    "Task",
]

Batch = Mapping[str, torch.Tensor]
DIVERGED = 1e6  # a mean error of standardised data begins near 1


@dataclass(frozen=True)
class StepOutput:
    """What one forward pass gives: the loss to descend and named metrics, scalar tensors still on the device.

    A loss that is NaN or above :data:`DIVERGED` ends the run as failed: one of another scale is to be scaled.
    """

    loss: torch.Tensor
    metrics: dict[str, torch.Tensor]


@dataclass(frozen=True)
class Preview:
    """Something to look at or listen to, as files to be written: suffix ("wav", "npy", "png") to bytes.

    role: "sample", "recon" or "reference" (written once). audio previews give their sample rate in Hz. file: the
    held-out file that a reference or recon is of, as dataset.json calls it.
    """

    kind: Literal["audio", "image", "table"]
    role: Literal["sample", "recon", "reference"]
    files: Mapping[str, bytes]
    index: int = 0
    sample_rate: int | None = None
    file: str | None = None


@dataclass(frozen=True)
class OpenContext:
    """What opening a task may use of its surroundings.

    report(phase, done, total) shows progress ("decode", 12, 40); check() raises when the run is to stop;
    on_files(rows) hands over every file found, once, as soon as their verdicts and sides are known;
    warn(sentence) tells the run's user of something that did not stop it; sides: of files that have one already, by
    path, since the weights to begin with know it.
    """

    report: Callable[[str, int, int], None] = lambda phase, done, total: None
    check: Callable[[], None] = lambda: None
    on_files: Callable[[list[FileRow]], None] = lambda rows: None
    warn: Callable[[str], None] = lambda sentence: None
    sides: Mapping[str, Side] = field(default_factory=dict)


class Task(Protocol):
    """One way to learn from one kind of data. Built by ``open_task(source, config, task_config, device, context)``.

    All randomness comes in through ``seed`` and ``step``: nothing inside advances by being called.
    """

    name: str
    model: nn.Module
    config: TrainingConfig
    task_config: TaskConfig
    num_train: int
    num_train_files: int
    num_val_files: int
    fingerprint: str
    metrics: tuple[MetricSpec, ...]
    monitor: Monitor
    optimizer: type[torch.optim.AdamW] | type[torch.optim.Adam]

    def schedule(self, step: int, progress: float) -> dict[str, float]:
        """Knobs of one step (from 1) as closed forms; "learning_rate" at least.

        progress: how much of the run lies behind, from 0 at the first step to nearly 1 at the last. A run whose end
        moves goes on from the progress it has, so a function of it never jumps.
        """

    def batch(self, seed: int, step: int) -> Batch:
        """The items and draws of one step (from 1), always of the same shapes: items along each tensor's first axis."""

    def training_step(self, model: nn.Module, batch: Batch, knobs: Mapping[str, float]) -> StepOutput:
        """Forward pass; no synchronisation with the device.

        ``batch`` may be a part of what :meth:`batch` gave. The loss is a mean over its items, or a function of such
        means, each of which went through :func:`engine.whole_batch.over_batch`.
        """

    def evaluate(self, model: nn.Module, part: Literal["train", "val"]) -> dict[str, Any]:
        """Clean figures over fixed items, in evaluation mode, by their full names.

        Numbers; on "val" always "val_loss" and ``monitor.metric``, and, where ``monitor.files`` names it, the list of
        what ``monitor.metric`` is in each held-out file, in the order of dataset.json (NaN: not measured). Without it
        the sweet range is said to be uncertain.
        """

    def previews(self, model: nn.Module, epoch: int) -> Iterable[Preview]:
        """What the model makes now, comparable from epoch to epoch."""

    def diagnose(self, history: MetricsHistory) -> list[Finding]:
        """What the task sees in its own figures, in plain words: findings of general kinds, or of kinds of its own."""

    def prepare_snapshot(self, model: nn.Module) -> None:
        """Bring what a snapshot needs up to date with ``model`` (the Gaussian of its codes, say).

        A pure function of its weights: for weights that were just prepared it is not called again.
        """

    def state_dict(self) -> dict[str, Any]:
        """Statistics that belong to the weights: tensors, numbers and strings."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what :meth:`state_dict` gave; ``ValueError`` when it does not fit."""

    def begin_with(self, state: Mapping[str, Any]) -> None:
        """Take from another run's ``state_dict`` what its weights cannot do without; ``ValueError`` if it does not fit.

        What follows from the data alone is measured anew: there may be more of it.
        """
