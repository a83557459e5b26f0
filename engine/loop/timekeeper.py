"""Holds a run to its minutes: watches what updates, checks, previews and saves cost, and plans the rest anew.

The only place that decides from the clock. What it decides is a :class:`~engine.loop.plan_history.PlanSegment`; from
there on all is a function of steps again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

from engine.config import TrainingConfig
from engine.loop.cost_meter import DECAY_S, CostMeter
from engine.loop.intervals import Intervals
from engine.loop.pace import Costs, most_that_fit, seconds_to_end
from engine.loop.plan_history import PlanSegment
from engine.plan import UNLIMITED

TOLERANCE, MOST_OFF_S = 0.05, 20.0
EARLY_PART = 0.4  # of the tolerance: what may stay uncorrected to the end
REMAINING_PART = 0.15  # of the time left: what need not be corrected yet
DECAY_PART, LEAST_DECAY_S = 0.05, 1.0
SETTLED_STEPS = 5
LOOK_PART, LOOK_S = 0.02, 5.0  # of the whole, at most so many seconds: between two looks at the clock


class Timekeeper(CostMeter):
    """Keeps one run to its ``max_minutes``. costs: what its parts were measured to take; zeros are learnt meanwhile."""

    def __init__(self, config: TrainingConfig, intervals: Intervals, costs: Costs) -> None:
        assert config.max_minutes is not None
        self.budget_s = 60 * config.max_minutes
        self.intervals, self.ceiling = intervals, config.max_epochs
        self.most_steps = config.max_steps or UNLIMITED
        super().__init__(costs, min(DECAY_S, max(LEAST_DECAY_S, DECAY_PART * self.budget_s)))
        self._spent_before = 0.0
        self._began = self._looked = time.monotonic()

    def state(self) -> dict[str, float]:
        """What a later session needs: the time spent, and what things cost."""
        costs = self.costs
        return {"spent_s": self.spent_s, **{name: getattr(costs, name) for name in Costs.__dataclass_fields__}}

    def restore(self, state: Mapping[str, float]) -> None:
        values = {name: value for name, value in state.items() if math.isfinite(value) and value >= 0}
        self._spent_before = values.pop("spent_s", 0.0)
        self._take(Costs(**{name: values.get(name, 0.0) for name in Costs.__dataclass_fields__}))

    def begin(self) -> None:
        """The clock starts: the first update comes next."""
        super().begin()
        self._began = self._looked = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Wall time of training in all sessions; what a crash lost, and comes again, counts once."""
        return self._spent_before + time.monotonic() - self._began

    @property
    def most_left_s(self) -> float:
        """What is left of the minutes, and once they are over what the end itself takes: a check, previews, a save."""
        costs = self.costs
        return max(self.budget_s - self.spent_s, costs.epoch_s + costs.preview_s + costs.save_s)

    def better(self, segment: PlanSegment, step: int) -> PlanSegment | None:
        """The plan from ``step`` on that ends in time; None while ``segment`` does as well, or nothing can be said yet.

        Before the last update it looks in any case: the schedules have somewhere to go on from there. After it, once
        its epoch is closed, time may be left again that the check or the previews were thought to take.
        """
        if not self._looks(segment, step):
            return None
        if step >= segment.total_steps:
            self.hurry()
        costs, left_s = self.costs, self.budget_s - self.spent_s
        needed_s = seconds_to_end(segment, step, self.intervals, costs)
        slack = max(EARLY_PART * min(TOLERANCE * self.budget_s, MOST_OFF_S), REMAINING_PART * needed_s)
        if abs(needed_s - left_s) <= slack:
            return None

        def seconds(total: int) -> float:
            return seconds_to_end(self._ending(segment, step, total), step, self.intervals, costs)

        total = min(self.most_steps, most_that_fit(seconds, left_s, step + 1, costs.step_s))
        fits = step < segment.total_steps or (total > step and seconds(total) <= left_s)
        return None if total == segment.total_steps or not fits else self._ending(segment, step, total)

    def _looks(self, segment: PlanSegment, step: int) -> bool:
        """Whether it is time to look, and enough is known."""
        now = time.monotonic()
        ending = step >= segment.total_steps - 1
        full = step >= segment.total_steps and segment.total_epochs == self.ceiling
        due = ending or now - self._looked >= min(LOOK_S, LOOK_PART * self.budget_s)
        if full or not due or self._steps < SETTLED_STEPS:
            return False
        self._looked = now
        return True

    def _ending(self, segment: PlanSegment, step: int, total: int) -> PlanSegment:
        """``segment`` from ``step`` on with another end; later epochs grow where the ceiling asks for fewer."""
        new = segment.ending(step, total)
        if self.ceiling is None or new.total_epochs <= self.ceiling:
            return new
        if new.epoch >= self.ceiling:
            return replace(new, epoch_ends=total)
        return replace(new, steps_per_epoch=math.ceil((total - new.epoch_ends) / (self.ceiling - new.epoch)))
