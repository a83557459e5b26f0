"""Before several processes share a training: whether they learn the same together as one alone, and how much sooner."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from engine.errors import ConfigError
from engine.loop.ranks import ONE, Ranks, items_in
from engine.loop.update import as_numbers
from engine.printable import sweetspot
from engine.quantities import apart
from engine.task import Task

SAME = 0.01  # of the gradient's length: rounding, also in TF32, moves it by less, a norm over a batch by far more
PAYS = 0.7  # of the time of one process divided by their number
TIMES, MOST_SECONDS = 5, 6.0


@dataclass(frozen=True)
class Rehearsal:
    """Seconds of the forward and backward pass of one update: in one process, and shared by ``processes``."""

    processes: int
    alone_s: float
    shared_s: float

    @property
    def efficiency(self) -> float:
        """1: shared by N it takes an Nth of the time."""
        return self.alone_s / (self.processes * self.shared_s)

    @property
    def pays(self) -> bool:
        return self.efficiency >= PAYS

    def __str__(self) -> str:
        shared, alone = apart(1e3 * self.shared_s, 1e3 * self.alone_s, 0)
        said = f"{self.processes} processes share each update: {shared} ms instead of {alone}."
        if self.pays:
            return said
        more = sweetspot("queue", "run", "--slots", str(self.processes))
        return f"{said} That is too short to share: more runs at once, not more processes, are the way ({more})."


def rehearse(task: Task, ranks: Ranks) -> Rehearsal:
    """Compute update 1 alone and together by turns; weights stay. ``ConfigError`` when it cannot be shared."""
    _check_items(items_in(task.batch(task.config.seed, 1)), ranks.size)
    task.model.train()
    knobs = task.schedule(1, 0.5)
    alone, _ = _gradient(task, ONE, knobs)  # both once untimed: they warm up
    together, _ = _gradient(task, ranks, knobs)
    if not float((together - alone).norm()) <= SAME * float(alone.norm()) and bool(alone.isfinite().all()):
        raise ConfigError(
            f"The task {task.name!r} cannot be shared: a part of its batch does not give its part of the gradient.",
            "Train it in one process. docs/add-a-task.md says what a loss must be like to be shared.",
        )
    times: list[tuple[float, float]] = []
    while len(times) < TIMES and sum(map(sum, times)) < MOST_SECONDS:
        times.append((_gradient(task, ONE, knobs)[1], _gradient(task, ranks, knobs)[1]))
    return Rehearsal(ranks.size, *(min(each) for each in zip(*times, strict=True)))


def _check_items(items: int, processes: int) -> None:
    if not items:
        raise ConfigError(
            "The batches of this task cannot be shared: its tensors do not hold equally many items.",
            "Train it in one process.",
        )
    if items < processes:
        raise ConfigError(
            f"A batch of {items} cannot be shared by {processes} processes.",
            f"Start {items} at most: torchrun --nproc-per-node {items}, or set a larger --batch-size.",
        )


def _gradient(task: Task, ranks: Ranks, knobs: Mapping[str, float]) -> tuple[torch.Tensor, float]:
    """Of all weights in one vector on the CPU, and the seconds until the device had computed it."""
    began = time.monotonic()
    as_numbers(ranks.descend(task, 1, knobs))
    seconds = time.monotonic() - began
    weights = task.model.parameters()
    parts = [(torch.zeros_like(one) if one.grad is None else one.grad).reshape(-1).cpu() for one in weights]
    task.model.zero_grad(set_to_none=True)
    return torch.cat(parts), seconds
