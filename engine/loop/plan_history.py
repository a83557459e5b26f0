"""Where a run stands on its way to its end: the first plan, and every later one from the step it was made at.

All of it is a pure function of the plans and a step. Two sides of a step are told apart: what belongs to update
``step`` itself (its epoch, its schedule) follows the plan that was in force when it was made, :meth:`PlanHistory.at`;
what lies ahead of it follows the newest one, :meth:`PlanHistory.ahead`. So a resumed run reports the same as before.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.config import TrainingConfig
from engine.plan import Length
from engine.rundir.protocol import PlanRecord


@dataclass(frozen=True)
class PlanSegment:
    """One plan, in force for the updates after ``step``.

    progress: how much of the run lies behind at ``step``, 0...1; it is 1 at ``total_steps``. epoch: the one under way
    (or just ended) at ``step``, which ends with update ``epoch_ends``; later ones hold ``steps_per_epoch`` updates.
    """

    step: int
    total_steps: int
    progress: float
    epoch: int
    epoch_ends: int
    steps_per_epoch: int

    @classmethod
    def first(cls, length: Length) -> PlanSegment:
        """What a run begins with: all of ``length`` lies ahead."""
        return cls(0, length.total_steps, 0.0, 0, 0, length.steps_per_epoch)

    @classmethod
    def of(cls, record: PlanRecord) -> PlanSegment:
        return cls(**{name: getattr(record, name) for name in cls.__dataclass_fields__})

    @property
    def total_epochs(self) -> int:
        return self.epoch_of(self.total_steps)

    def epoch_of(self, step: int) -> int:
        """The epoch that update ``step`` (from 1) belongs to; step 0 is epoch 0."""
        return self.epoch + max(0, math.ceil((step - self.epoch_ends) / self.steps_per_epoch))

    def ends_epoch(self, step: int) -> bool:
        whole = step >= self.epoch_ends and (step - self.epoch_ends) % self.steps_per_epoch == 0
        return step > 0 and (whole or step == self.total_steps)

    def end_of_epoch(self, step: int) -> int:
        """The last update of the epoch that ``step`` belongs to."""
        return self.epoch_ends + (self.epoch_of(step) - self.epoch) * self.steps_per_epoch

    def ending(self, step: int, total: int) -> PlanSegment:
        """The same from ``step`` on with another end: the epoch under way, and the progress so far, stay.

        At its very end no progress is left to go on with: it stands still for one update.
        """
        ends = step if self.ends_epoch(step) else self.end_of_epoch(step)
        progress, epoch = self.progress_at(min(step, self.total_steps - 1)), self.epoch_of(step)
        return replace(self, step=step, total_steps=total, progress=progress, epoch=epoch, epoch_ends=ends)

    def progress_at(self, step: int) -> float:
        """How much of the run lies behind once ``step`` updates are made, 0...1."""
        return self.progress + (1 - self.progress) * (step - self.step) / (self.total_steps - self.step)


class PlanHistory:
    """The plans of one run in order. first: how long it was to be; later: the plans of its plans.jsonl."""

    def __init__(self, first: Length, later: Iterable[PlanRecord] = ()) -> None:
        self._segments = [PlanSegment.first(first)]
        self.extension: PlanRecord | None = None
        for record in later:
            self.follow(record)

    def follow(self, record: PlanRecord) -> None:
        """Plan anew as ``record`` says.

        What a user extends from a step on takes the place of every plan made there or later, of a session that was
        killed and comes again, too. Any other made at or before the newest plan's step is dropped: that one stands.
        """
        if record.extends:
            self._segments = [*(one for one in self._segments if one.step < record.step), PlanSegment.of(record)]
            self.extension = record
        elif record.step > self.last.step:
            self._segments.append(PlanSegment.of(record))

    @property
    def last(self) -> PlanSegment:
        return self._segments[-1]

    def limits(self, config: TrainingConfig) -> TrainingConfig:
        """``config`` with the limits that hold now: of a run that was extended none but its new minutes."""
        if self.extension is None:
            return config
        limits = {"max_epochs": None, "max_steps": None, "max_minutes": self.extension.minutes}
        return config.model_copy(update=limits)

    def at(self, step: int) -> PlanSegment:
        """The plan that was in force for update ``step``."""
        return self._segments[max(0, bisect_left(self._segments, step, key=lambda segment: segment.step) - 1)]

    def ahead(self, step: int) -> PlanSegment:
        """The plan for what comes after update ``step``."""
        return self._segments[bisect_right(self._segments, step, key=lambda segment: segment.step) - 1]
