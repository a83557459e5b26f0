"""Where a run ends and when: its plans as they follow each other, its clock, and the pace that both are told from."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from engine.config import TrainingConfig
from engine.errors import StorageError, next_step
from engine.loop.cost_meter import CostMeter
from engine.loop.extension import More
from engine.loop.intervals import Intervals
from engine.loop.pace import Costs, seconds_to_end
from engine.loop.plan_history import PlanHistory, PlanSegment
from engine.loop.timekeeper import Timekeeper
from engine.loop.tracker import TrackerState
from engine.plan import Length
from engine.quantities import apart
from engine.rundir.protocol import PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.rundir.writer import RunWriter

KNOWN_STEPS, KNOWN_S = 20, 5.0  # before that the first updates, which warm up, make a pace that is off by large factors


class Planner:
    """The plans of one run. first: how long it was to be when it began. costs: what its parts were measured to take."""

    def __init__(self, config: TrainingConfig, first: Length, writer: RunWriter, costs: Costs) -> None:
        self.config, self.writer = config, writer
        self.plans = PlanHistory(first, RunReader(writer.root).plans())
        self.intervals = Intervals.of(config, first)
        self.timekeeper = self._new_timekeeper(costs)
        self.meter = self.timekeeper or CostMeter(costs)
        self._began = (time.monotonic(), 0)

    def _new_timekeeper(self, costs: Costs) -> Timekeeper | None:
        limits = self.plans.limits(self.config)
        return None if limits.max_minutes is None else Timekeeper(limits, self.intervals, costs)

    def restore(self, tracker: TrackerState, more: More | None) -> None:
        """Go on from ``tracker``. more: in place of what was left; ``StorageError`` when that cannot be noted."""
        # Of a run that no minutes held until here, what all its sessions took.
        clock = {"spent_s": tracker.elapsed_s} | tracker.clock
        if more is not None:
            self._extend(more, tracker.step, clock["spent_s"])
        if self.timekeeper is not None:
            self.timekeeper.restore(clock)

    def _extend(self, more: More, step: int, spent_s: float) -> None:
        """Durable before it is followed: a later session goes the same way."""
        segment = more.after(self.plans.ahead(step), step, spent_s)
        minutes = None if more.minutes is None else spent_s / 60 + more.minutes
        pace = step / max(spent_s, 1e-3) if step else None
        record = self._record(segment, f"extended by {more}", extends=True, minutes=minutes, overall_steps_per_s=pace)
        try:
            self.writer.note_plan(record)
        except OSError as error:
            raise StorageError(
                f"The run cannot be extended: {self.writer.layout.plans} cannot be written: {error.strerror or error}.",
                f"{next_step(error)} and start again.",
            ) from error
        self.plans.follow(record)
        self.timekeeper = self._new_timekeeper(Costs())
        self.meter = self.timekeeper or self.meter

    def begin(self) -> None:
        """The clock starts; of the minutes, what this session took to prepare counts too."""
        self.meter.begin()
        if self.timekeeper is not None:
            self.timekeeper.prepared(self.writer.session_s)

    def count_from(self, step: int) -> None:
        """The pace is that of the updates after ``step``, from now on."""
        self._began = (time.monotonic(), step)

    def clock(self) -> dict[str, float]:
        """What a later session needs to know of the time that was spent; empty for a run without minutes."""
        return {} if self.timekeeper is None else self.timekeeper.state()

    def plan_anew_if_due(self, step: int) -> PlanRecord | None:
        """Once the plans of earlier sessions are behind: what they decided comes again at the same steps."""
        keeper = self.timekeeper
        if keeper is None or step <= self.plans.last.step:
            return None
        before_s = keeper.planned_step_s
        segment = keeper.better(self.plans.last, step)
        if segment is None:
            return None
        shorter = segment.total_steps < self.plans.last.total_steps
        reason = _why(before_s, keeper.planned_step_s, shorter=shorter)
        record = self._record(segment, reason, steps_per_s=1 / keeper.planned_step_s)
        if not self.writer.plan_anew(record):
            return None
        self.plans.follow(record)
        self.say(step)
        return record

    def _record(self, segment: PlanSegment, reason: str, **more: Any) -> PlanRecord:
        return PlanRecord(
            **asdict(segment),
            total_epochs=segment.total_epochs,
            reason=reason,
            **more,
            at=round(time.time(), 3),
            elapsed_s=round(self.writer.elapsed_s, 3),
            session=self.writer.session.session,
        )

    def present(self, record: RunRecord, tracker: TrackerState) -> RunRecord:
        """``record`` with the plan that holds now in place of the first: length, limits, time at the pace so far."""
        step, ahead = tracker.step, self.plans.ahead(tracker.step)
        if step == 0 and self.plans.extension is None:
            return record
        limits = self.plans.limits(self.config)
        seconds = tracker.elapsed_s * ahead.total_steps / step if step else None  # no pace before the first update
        planned_s = seconds if limits.max_minutes is None else 60 * limits.max_minutes
        training = record.config.training
        if self.plans.extension is not None:
            training = training | {name: getattr(limits, name) for name in ("max_epochs", "max_steps", "max_minutes")}
        config = record.config.model_copy(update={"training": training})
        now = {"total_steps": ahead.total_steps, "total_epochs": ahead.total_epochs, "planned_s": planned_s}
        return record.model_copy(update={"config": config, **now})

    def affords_previews(self) -> bool:
        """Whether previews that are not the last ones leave enough of the minutes."""
        return self.timekeeper is None or self.timekeeper.affords_previews

    def affords_best(self) -> bool:
        """Whether its best epoch can be heard beside its end."""
        return self.timekeeper is None or self.timekeeper.affords_best

    def say(self, step: int) -> None:
        """Where it ends, as things stand, into the status."""
        ahead = self.plans.ahead(step)
        self.writer.update(total_steps=ahead.total_steps, total_epochs=ahead.total_epochs)

    def pace(self, step: int) -> float | None:
        """Steps a second in this process, everything included."""
        began, first = self._began
        seconds = time.monotonic() - began
        done = step - first
        return done / seconds if done and seconds > 0 else None

    def eta_s(self, step: int) -> float | None:
        """Seconds to the end, with its checks, previews and saves; None until enough updates were made to know.

        Never more than its minutes leave: where the plan takes longer it is about to be another.
        """
        began, first = self._began
        if step - first < KNOWN_STEPS or time.monotonic() - began < KNOWN_S:
            return None
        planned_s = seconds_to_end(self.plans.ahead(step), step, self.intervals, self.meter.costs)
        return planned_s if self.timekeeper is None else min(planned_s, self.timekeeper.most_left_s)


def _why(before_s: float, now_s: float, *, shorter: bool) -> str:
    """Why a plan follows another: seconds of an update that the one before was made for, and of this one."""
    slower = now_s > before_s
    if not before_s or slower != shorter or abs(now_s / before_s - 1) < 0.1:
        return f"{'less' if shorter else 'more'} time left than planned"
    now, before = apart(1 / now_s, 1 / before_s, 1 if now_s > 0.1 else 0)
    return f"{'slower' if slower else 'faster'} than planned: {now} updates a second, not {before}"
