"""A table made ready to learn from: divided, standardised, in batches. Letters: N rows, D features, B batch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from engine import rng
from engine.collection.split import one_sided, sides_of_groups
from engine.errors import DataError
from engine.plan import BatchLayout
from engine.rundir.record import Side
from engine.task import Batch
from engine.tasks.mlp.table import Table


def split_rows(table: Table, fraction: float, seed: int, known: Sequence[Side | None] | None = None) -> list[Side]:
    """A side for each row. Classes are divided one by one, so that each validates in its proportion.

    Rows of one group stay together and count as one draw; a class with a single group is learned from. Both sides
    get at least one row; of numbers, where the table has them, at least two that differ (see :func:`_varied`).
    known: the sides that rows have already, as :func:`engine.collection.split.split_files` has them. Raises DataError
    when all is one group, and when the known ones leave no side for another.
    """
    groups = table.groups or tuple(range(len(table.target)))
    classes: dict[int, int] = {}
    for group, value in zip(groups, table.target, strict=True):
        classes.setdefault(group, int(value) if table.class_names else 0)
    if len(classes) < 2:
        raise DataError("All rows hold the same sound: nothing is left to check with.", "Add a different recording.")
    order = np.array(list(classes))[np.random.default_rng(seed).permutation(len(classes))].tolist()
    fixed = sides_of_groups(groups, known)
    free = [group for group in order if group not in fixed]
    chosen = {group for group, side in fixed.items() if side == "val"}
    sizes, checked = Counter(classes.values()), Counter(classes[group] for group in chosen)
    wanted = {name: min(max(1, round(fraction * size)), size - 1) - checked[name] for name, size in sizes.items()}
    for group in free:
        if wanted[classes[group]] > 0:
            wanted[classes[group]] -= 1
            chosen.add(group)
    if not chosen:
        chosen = set(free[:1])
    if len(chosen) in (0, len(classes)):
        raise one_sided(len(groups), "val" if chosen else "train")
    if not table.class_names:
        chosen = _varied(chosen, free, groups, table.target)
    return ["val" if group in chosen else "train" for group in groups]


def _varied(chosen: set[int], free: list[int], groups: Sequence[int], target: NDArray[Any]) -> set[int]:
    """``chosen`` with at most one group of each side exchanged, so that the targets of neither are all equal.

    To learn from comes first: nothing can be learned of equal targets, and R² says nothing of them. free: those that
    may change sides, as they were drawn.
    """
    values: dict[int, set[float]] = {}
    for group, value in zip(groups, target.tolist(), strict=True):
        values.setdefault(group, set()).add(value)
    for constant_is_val, fewest in ((False, 1), (True, 2)):  # the last other value stays with those to learn from
        side = {group for group in values if (group in chosen) == constant_is_val}
        found = set().union(*(values[group] for group in side))
        others = {group for group in values if group not in side and values[group] != found}
        moving, coming = ([group for group in free if group in part] for part in (side, others))
        if len(found) == 1 and len(side) > 1 and len(others) >= fewest and moving and coming:
            chosen = chosen ^ {moving[-1], coming[0]}
    return chosen


@dataclass(frozen=True)
class Standard:
    """What takes features and a predicted number to mean 0 and variance 1 over the training rows, and back."""

    mean: torch.Tensor  # float64 [D]
    std: torch.Tensor  # float64 [D], 1 where a feature never changes
    target_mean: float = 0.0
    target_std: float = 1.0

    @classmethod
    def measure(
        cls,
        features: NDArray[np.float64],
        target: NDArray[Any],
        regression: bool,
        measures: NDArray[np.bool_] | None = None,
    ) -> Standard:
        """measures: bool [D], which features are measured; the others, of 0 and 1, stay as they are. None: all."""
        std = features.std(0)
        # A column of equal values has a standard deviation of rounding errors, not of 0.
        constant = std <= 1e-12 * np.abs(features).max(0)
        kept = np.zeros(len(std), dtype=bool) if measures is None else ~measures
        mean = torch.from_numpy(np.where(kept, 0.0, features.mean(0)))
        scale = torch.from_numpy(np.where(constant | kept, 1.0, std))
        if not regression:
            return cls(mean, scale)
        return cls(mean, scale, float(target.mean()), float(target.std()) or 1.0)

    def features(self, values: NDArray[np.float64]) -> torch.Tensor:
        """float64 [N, D] to float32 [N, D]; a value far outside of what was learned from is held at 1e6."""
        return ((torch.from_numpy(values) - self.mean) / self.std).clamp(-1e6, 1e6).float()

    def target(self, values: NDArray[np.float64]) -> torch.Tensor:
        return ((torch.from_numpy(values) - self.target_mean) / self.target_std).float()

    def restore(self, predicted: torch.Tensor) -> NDArray[np.float64]:
        """Standardised predictions to the target's own unit."""
        return predicted.double().cpu().numpy() * self.target_std + self.target_mean

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self.mean, "std": self.std, "target_mean": self.target_mean, "target_std": self.target_std}


@dataclass(frozen=True)
class Rows:
    """One side of the split on the device: x float32 [N, D]; y int64 [N], or float32 [N] standardised."""

    x: torch.Tensor
    y: torch.Tensor

    def __len__(self) -> int:
        return len(self.x)

    def evenly(self, most: int) -> Rows:
        """At most ``most`` of the rows, evenly spread."""
        if len(self) <= most:
            return self
        places = torch.linspace(0, len(self) - 1, most, dtype=torch.float64).round().long().to(self.x.device)
        return Rows(self.x[places], self.y[places])


def make_rows(
    table: Table, inputs: NDArray[np.float64], chosen: Sequence[bool], standard: Standard, device: torch.device
) -> Rows:
    """inputs: float64 [N, E], the table's features filled in and encoded."""
    mask = np.array(chosen, dtype=bool)
    target = table.target[mask]
    y = torch.from_numpy(target) if table.class_names else standard.target(target.astype(np.float64))
    return Rows(standard.features(inputs[mask]).to(device), y.to(device))


class TableLoader:
    """Batches as a pure function of (seed, step): every pass runs through the rows in a new order."""

    def __init__(self, rows: Rows, batches: BatchLayout, dropout_width: int) -> None:
        self.rows, self.batches, self.width = rows, batches, dropout_width
        self._order = lru_cache(maxsize=2)(self._shuffled)

    def batch(self, seed: int, step: int) -> Batch:
        """x [B, D], y [B], keep [B, U]: uniform draws for dropout. A pass's end is filled up from its beginning."""
        size = self.batches.batch_size
        passed, place = divmod(step - 1, -(-len(self.rows) * self.batches.expansion // size))
        order = self._order(seed, passed)
        chosen = torch.from_numpy(order[np.arange(place * size, (place + 1) * size) % len(order)]).to(
            self.rows.x.device
        )
        keep = rng.generator(seed, "dropout", step).random((size, self.width), dtype=np.float32)
        return {
            "x": self.rows.x[chosen],
            "y": self.rows.y[chosen],
            "keep": torch.from_numpy(keep).to(self.rows.x.device),
        }

    def _shuffled(self, seed: int, passed: int) -> NDArray[np.int64]:
        """The rows once for each time that a pass has them, every time in another order."""
        draw = rng.generator(seed, "order", passed)
        return np.concatenate([draw.permutation(len(self.rows)) for _ in range(self.batches.expansion)])
