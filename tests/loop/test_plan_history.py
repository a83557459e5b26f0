"""Where a run stands under plans that change: epochs go on counting, progress never jumps."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as some

from engine.config import TrainingConfig
from engine.loop.intervals import Intervals
from engine.loop.pace import Costs
from engine.loop.plan_history import PlanHistory, PlanSegment
from engine.loop.planner import _why
from engine.loop.timekeeper import Timekeeper
from engine.plan import Length
from engine.rundir.protocol import PlanRecord

FIRST = Length(steps_per_epoch=10, total_steps=100)


def record(segment: PlanSegment) -> PlanRecord:
    told = {"total_epochs": segment.total_epochs, "reason": "", "steps_per_s": 1.0, "at": 1.0, "elapsed_s": 1.0}
    return PlanRecord(**asdict(segment), **told, session="here")


def keeper(ceiling: int | None = 100, most: int | None = None) -> Timekeeper:
    config = TrainingConfig(max_minutes=1, max_epochs=ceiling, max_steps=most)
    return Timekeeper(config, Intervals(5, 10), Costs(step_s=0.1))


@pytest.mark.parametrize(("before_s", "now_s"), [(2.2, 2.5), (12.0, 14.0), (0.2, 0.23), (0.01, 0.012)])
def test_slower_than_planned_is_said_with_fewer_updates_a_second(before_s: float, now_s: float) -> None:
    now, before = map(float, re.findall(r"[\d.]*\d", _why(before_s, now_s, shorter=True)))
    assert now < before


def test_a_run_that_keeps_its_plan_counts_as_before() -> None:
    segment = PlanHistory(FIRST).last
    assert [segment.epoch_of(step) for step in (0, 1, 10, 11, 100)] == [0, 1, 1, 2, 10]
    assert [step for step in range(101) if segment.ends_epoch(step)] == list(range(10, 101, 10))
    assert segment.progress_at(0) == 0 and segment.progress_at(25) == 0.25 and segment.progress_at(100) == 1


def test_the_last_epoch_may_be_short() -> None:
    segment = PlanHistory(replace(FIRST, total_steps=45)).last
    assert segment.total_epochs == 5 and segment.ends_epoch(45) and segment.epoch_of(45) == 5


def test_what_belongs_to_a_step_follows_the_plan_it_was_made_under() -> None:
    plans = PlanHistory(FIRST)
    plans.follow(record(keeper()._ending(plans.last, 37, 60)))
    assert plans.at(37).total_steps == 100 and plans.ahead(37).total_steps == 60
    assert plans.at(38) == plans.ahead(38) == plans.last
    assert PlanHistory(FIRST, [record(plans.last)]).at(38) == plans.last, "read back it is the same"


@given(
    changes=some.lists(some.tuples(some.integers(1, 40), some.integers(1, 3000)), max_size=6),
    ceiling=some.sampled_from([None, 10, 12, 100]),
)
def test_through_every_change_epochs_count_on_and_progress_rises_to_one(
    changes: list[tuple[int, int]], ceiling: int | None
) -> None:
    plans, step = PlanHistory(FIRST), 0
    for further, left in changes:
        step += further
        if step >= plans.last.total_steps:
            break
        plans.follow(record(keeper(ceiling)._ending(plans.last, step, step + left)))
    end = plans.last.total_steps
    epochs = [plans.at(step).epoch_of(step) for step in range(end + 1)]
    ends = [step for step in range(end + 1) if plans.at(step).ends_epoch(step)]
    assert epochs[0] == 0 and epochs[1] == 1 and {later - earlier for earlier, later in pairwise(epochs)} <= {0, 1}
    assert ends == [*(step for step in range(1, end) if epochs[step + 1] > epochs[step]), end], (
        "an epoch ends where the next begins"
    )
    assert ceiling is None or epochs[-1] <= ceiling
    progress = [plans.at(step).progress_at(step) for step in range(end + 1)]
    assert progress[0] == 0 and progress[-1] == pytest.approx(1) and sorted(progress) == progress
    for segment in map(plans.at, range(1, end + 1)):
        assert segment.progress == pytest.approx(plans.at(segment.step).progress_at(segment.step)), (
            "where a plan begins nothing jumps"
        )


def test_a_plan_that_is_read_twice_or_late_is_passed_over() -> None:
    late, early = record(PlanSegment(50, 80, 0.5, 5, 50, 10)), record(PlanSegment(20, 200, 0.2, 2, 20, 10))
    assert PlanHistory(FIRST, [late, late, early]).last == PlanSegment.of(late)


@pytest.mark.parametrize("step", [0, 60, 80])
def test_what_a_user_extends_takes_the_place_of_every_plan_from_there_on(step: int) -> None:
    """Those at later steps are of a session that was killed after them, and before its next checkpoint."""
    later = [record(PlanSegment(at, 90, 0.5, at // 10, at, 10)) for at in (20, 80)]
    extended = record(PlanSegment(step, 150, 0.4, step // 10, step, 10)).model_copy(update={"extends": True})
    plans = PlanHistory(FIRST, [*later, extended])
    assert plans.last == plans.ahead(step) == plans.at(step + 1) == PlanSegment.of(extended)
    assert plans.extension == extended
    assert all(plans.at(before).step < step for before in range(1, step + 1)), "what lies behind follows what it did"
    plans.follow(record(PlanSegment(85, 120, 0.5, 8, 85, 10)))
    assert plans.last.step == 85, "and is itself planned anew"


def test_a_length_in_updates_that_was_named_is_never_exceeded() -> None:
    held = keeper(most=100)
    held.begin()
    for _ in range(50):  # at once: so fast that ten thousand would fit
        held.tick("step")
    assert held.better(PlanHistory(FIRST).last, 50) is None
