"""What the training loop remembers from step to step. Plain numbers: no torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.metrics import is_better, smoothed
from engine.rundir.schema import Best


@dataclass
class TrackerState:
    """What the loop remembers from step to step; all of it in every checkpoint.

    warned: codes said once a run. told: findings that were warned of, and the epoch at which each was last true.
    """

    step: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    count: int = 0
    smoothed: float | None = None
    smoothed_reference: float | None = None
    best: dict[str, Any] | None = None
    skipped_in_a_row: int = 0
    skipped: int = 0
    warned: list[str] = field(default_factory=list)
    told: dict[str, int] = field(default_factory=dict)
    evaluated_epoch: int = 0
    elapsed_s: float = 0.0
    last_epoch: dict[str, float] = field(default_factory=dict)

    def add(self, values: Mapping[str, float]) -> None:
        """One step of the epoch under way."""
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def close_epoch(self) -> dict[str, float]:
        """The means over the epoch's steps; the next epoch begins empty."""
        means = {name: total / max(1, self.count) for name, total in self.sums.items()}
        self.sums, self.count = {}, 0
        return means

    def judge(self, value: float, reference: float | None, lower: bool) -> bool:
        """Take in an epoch's monitored value; whether its smoothed value is the best so far."""
        self.smoothed = smoothed(self.smoothed, value)
        if reference is not None:
            self.smoothed_reference = smoothed(self.smoothed_reference, reference)
        if self.best is None:
            return math.isfinite(self.smoothed)
        return is_better(self.smoothed, float(self.best["value"]), "lower" if lower else "higher")

    def best_record(self) -> Best | None:
        return None if self.best is None else Best.model_validate(self.best)
