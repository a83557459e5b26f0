"""Holds a run to its minutes: watches what updates, checks, previews and saves cost, and plans the rest anew.

The only place that decides from the clock. What it decides is a :class:`~engine.loop.plan_history.PlanSegment`; from
there on all is a function of steps again.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace

from engine.config import MOST_UPDATES, TrainingConfig
from engine.loop.cost_meter import CostMeter, Part
from engine.loop.intervals import Intervals
from engine.loop.pace import Costs, affordable, most_that_fit, seconds_to_end, seconds_to_train
from engine.loop.plan_history import PlanSegment

TOLERANCE, MOST_OFF_S = 0.05, 20.0  # how far from its minutes a run may end
SLACK_PART = 0.4  # of the tolerance: what may stay uncorrected to the end
# Of the time left: what need not be corrected yet. A run that is behind its plan can be shortened later, while in one
# that is ahead the schedules run away.
BEHIND_PART, AHEAD_PART = 0.15, 0.04
DECAY_PART, LEAST_DECAY_S = 0.25, 3.0  # of the time left: as far as it lies ahead, half as far does it look back
NOTABLE = 0.2  # of the updates left: how many more or fewer make a new plan
MOST_PREVIEW_PART = 0.25  # of the whole: what is kept free for the last previews, or nothing is learnt to be heard
SETTLED_STEPS = 5


class Timekeeper(CostMeter):
    """Keeps one run to its ``max_minutes``. costs: what its parts were measured to take; zeros are learnt meanwhile."""

    def __init__(self, config: TrainingConfig, intervals: Intervals, costs: Costs) -> None:
        assert config.max_minutes is not None
        self.budget_s = 60 * config.max_minutes
        self.tolerance_s = min(TOLERANCE * self.budget_s, MOST_OFF_S)
        self.intervals, self.ceiling = replace(intervals, timed=True), config.max_epochs
        self.most_steps = config.max_steps or MOST_UPDATES
        super().__init__(costs, max(LEAST_DECAY_S, DECAY_PART * self.budget_s))
        self._spent_before = 0.0
        self._began = time.monotonic()
        self._counted = 0  # updates in this process
        self.planned_step_s = costs.step_s  # what the plan in force takes for an update; 0: to be settled by it

    def state(self) -> dict[str, float]:
        """What a later session needs: the time spent, and what things cost."""
        costs = self.costs
        return {"spent_s": self.spent_s, **{name: getattr(costs, name) for name in Costs.__dataclass_fields__}}

    def restore(self, state: Mapping[str, float]) -> None:
        values = {name: value for name, value in state.items() if math.isfinite(value) and value >= 0}
        self._spent_before = values.pop("spent_s", 0.0)
        self._take(Costs(**{name: values.get(name, 0.0) for name in Costs.__dataclass_fields__}))
        self.planned_step_s = values.get("step_s", 0.0)

    def begin(self) -> None:
        super().begin()
        self._began = time.monotonic()

    def prepared(self, seconds: float) -> None:
        """Before it began this session has taken ``seconds`` already: of what was left, at most half."""
        left_s = max(0.0, self.budget_s - self._spent_before)
        self._spent_before += left_s - seconds_to_train(left_s, seconds)

    def costs_at(self, step_s: float) -> Costs:
        costs = super().costs_at(step_s)
        return replace(costs, preview_s=min(costs.preview_s, MOST_PREVIEW_PART * self.budget_s))

    def tick(self, part: Part) -> None:
        self.decay_s = max(LEAST_DECAY_S, DECAY_PART * (self.budget_s - self.spent_s))
        super().tick(part)
        self._counted += part == "step"

    @property
    def spent_s(self) -> float:
        """Wall time of training in all sessions; what a crash lost, and comes again, counts once."""
        return self._spent_before + time.monotonic() - self._began

    @property
    def most_left_s(self) -> float:
        """What is left of the minutes, and once they are over what the end itself takes."""
        return max(self.budget_s - self.spent_s, self._ending_s)

    @property
    def affords_previews(self) -> bool:
        """Whether there is time for previews that are not the last ones."""
        return affordable(self.costs.preview_s, self.budget_s - self.spent_s - self._ending_s)

    @property
    def affords_best(self) -> bool:
        """Whether its best epoch can be heard too at the end, in an eighth of what its minutes may be off by."""
        return self.costs.preview_s <= self.tolerance_s / 8

    @property
    def _ending_s(self) -> float:
        """What the end itself takes: a check, previews, a save."""
        costs = self.costs
        return costs.epoch_s + (1 + self.affords_best) * costs.preview_s + costs.save_s

    @property
    def _left_s(self) -> float:
        """What is left to plan with: under an uneven load the end may fall into a slow moment."""
        return self.budget_s - self.spent_s - min(self.tolerance_s, (self.unevenness - 1) * self._ending_s)

    def better(self, segment: PlanSegment, step: int) -> PlanSegment | None:
        """The plan from ``step`` on that ends in time; None while ``segment`` does as well, or nothing can be said yet.

        What counts is how far the clock has drifted from the pace that ``segment`` was made for: a slow second is no
        reason. Before the last update the pace of now is asked in any case: the schedules have somewhere to go on from
        there. After it, once its epoch is closed, time may be left that the check or the previews were thought to take.
        """
        if self._counted < SETTLED_STEPS or (step >= segment.total_steps and segment.total_epochs == self.ceiling):
            return None
        if step >= segment.total_steps:
            self.hurry()
        left_s = self._left_s
        behind_s = self._needed_s(segment, step) - left_s
        if -self._slack_s(AHEAD_PART, left_s - self._ending_s) <= behind_s <= self._slack_s(BEHIND_PART, left_s):
            return None
        return self._fitting(segment, step, self.costs.step_s if behind_s > 0 else self.quick_step_s)

    def _needed_s(self, segment: PlanSegment, step: int) -> float:
        """What is left of ``segment`` takes at the pace it was made for; near its end, at that of now."""
        if not self.planned_step_s:
            updates = self._seconds(segment, step, self.costs_at(1.0))
            self.planned_step_s = self._left_s / max(updates, 1.0)
        ending = step >= segment.total_steps - 1
        costs = self.costs if ending else self.costs_at(self.planned_step_s)
        return self._seconds(segment, step, costs)

    def _seconds(self, segment: PlanSegment, step: int, costs: Costs) -> float:
        return seconds_to_end(segment, step, replace(self.intervals, best=self.affords_best), costs)

    def _slack_s(self, part: float, left_s: float) -> float:
        return SLACK_PART * self.tolerance_s + part * max(0.0, left_s)

    def _fitting(self, segment: PlanSegment, step: int, step_s: float) -> PlanSegment | None:
        """``segment`` with the end that the time left allows where an update takes ``step_s``; None where it has it."""
        costs, left_s = self.costs_at(step_s), self._left_s

        def seconds(total: int) -> float:
            return self._seconds(self._ending(segment, step, total), step, costs)

        total = min(self.most_steps, most_that_fit(seconds, left_s, step + 1, step_s))
        fits = step < segment.total_steps or (total > step and seconds(total) <= left_s)
        if not fits or abs(total - segment.total_steps) <= NOTABLE * (segment.total_steps - step):
            return None
        self.planned_step_s = step_s
        return self._ending(segment, step, total)

    def _ending(self, segment: PlanSegment, step: int, total: int) -> PlanSegment:
        """``segment`` from ``step`` on with another end; later epochs grow where the ceiling asks for fewer."""
        new = segment.ending(step, total)
        if self.ceiling is None or new.total_epochs <= self.ceiling:
            return new
        if new.epoch >= self.ceiling:
            return replace(new, epoch_ends=total)
        return replace(new, steps_per_epoch=math.ceil((total - new.epoch_ends) / (self.ceiling - new.epoch)))
