"""Whatever the pace of a machine does: minutes hold, the schedules keep up with the clock, and plans are few.

The planner alone, on a clock of its own: no model, no files, no real time.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace

import pytest

from engine.config import TrainingConfig
from engine.loop.intervals import EARLY_PREVIEWS, Intervals
from engine.loop.pace import Costs, seconds_to_train, steps_for_minutes
from engine.loop.plan_history import PlanHistory, PlanSegment
from engine.loop.timekeeper import Timekeeper
from engine.plan import Length
from engine.resolve import resolve
from engine.rundir.protocol import PlanRecord
from engine.schedule import WARMUP_STEPS, warmed_cosine

Load = Callable[[float], float]
QUIET = Costs(step_s=0.15, epoch_s=0.3, preview_s=1.0, save_s=0.4)
ITEMS = 20
SLICE_S = 0.05


class Clock:
    """Goes on where work is done on it: ``load`` times as slowly as on a quiet machine."""

    def __init__(self, load: Load, stall_at: float | None) -> None:
        self.now, self.load, self.stall_at = 0.0, load, stall_at

    def monotonic(self) -> float:
        return self.now

    def work(self, quiet_s: float) -> None:
        while quiet_s > 1e-9:
            part = min(quiet_s, SLICE_S / self.load(self.now))
            self.now, quiet_s = self.now + part * self.load(self.now), quiet_s - part
        if self.stall_at is not None and self.now >= self.stall_at:
            self.now, self.stall_at = self.now + 10, None


@dataclass
class Told:
    """What became of a run. rates [updates], of a peak of 1; lefts: at each update, of the minutes, and said."""

    spent_s: float
    rates: list[float]
    times: list[float]
    plans: list[PlanSegment]
    lefts: list[tuple[float, float]]
    previews: list[int]

    @property
    def high_part(self) -> float:
        """Of the time, what lies before the rate is for good under half of its peak."""
        halved = next(
            (at for at, rate in list(zip(self.times, self.rates, strict=True))[WARMUP_STEPS:] if rate < 0.5), 0
        )
        return (halved or self.spent_s) / self.spent_s


@pytest.fixture
def patched() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def record(segment: PlanSegment) -> PlanRecord:
    return PlanRecord(
        **asdict(segment), total_epochs=segment.total_epochs, reason="", at=0, elapsed_s=0, session=""
    )  # fmt: skip


def times(slow: float, quiet: Costs = QUIET) -> Costs:
    return Costs(*(slow * each for each in asdict(quiet).values()))


class Simulated:
    """A run as the trainer makes it, with nothing but its planner. prior: times QUIET, what was measured before."""

    def __init__(self, patch: pytest.MonkeyPatch, load: Load, budget_s: float, prior: float, stall_at: float | None,
                 quiet: Costs = QUIET) -> None:  # fmt: skip
        self.clock, self.quiet = Clock(load, stall_at), quiet
        for module in ("timekeeper", "cost_meter"):
            patch.setattr(f"engine.loop.{module}.time", self.clock)
        config = resolve(TrainingConfig(max_minutes=budget_s / 60, checkpoint_interval=10), 30, ITEMS)
        measured = replace(times(prior, quiet), preview_s=0.0)  # which those before the first update tell
        first = Length.of(config, ITEMS, steps_for_minutes(config, ITEMS, measured))
        self.plans, self.every = PlanHistory(first), Intervals.of(config, first)
        self.keeper = Timekeeper(config, self.every, measured)
        self.told = Told(0, [], [], [], [], [])

    def run(self) -> Told:
        step, told = 0, self.told
        self.keeper.begin()
        self._previews(0)
        while step < self.plans.ahead(step).total_steps:
            step += 1
            self._update(step)
            self._close(step)
            segment = self.keeper.better(self.plans.last, step) if step > self.plans.last.step else None
            if segment is not None:
                self.plans.follow(record(segment))
                told.plans.append(segment)
        self._take("save")
        told.spent_s = self.clock.now
        return told

    def _update(self, step: int) -> None:
        told, progress = self.told, self.plans.at(step).progress_at(step - 1)
        self._take("step")
        told.rates.append(warmed_cosine(1.0, step, progress))
        told.times.append(self.clock.now)
        told.lefts.append((self.keeper.budget_s - self.clock.now, self.keeper.most_left_s))

    def _close(self, step: int) -> None:
        plan = self.plans.at(step)
        ends, epoch = plan.ends_epoch(step), plan.epoch_of(step)
        if ends:
            self._take("epoch")
        self._previews(step, due=ends and epoch % self.every.preview == 0)
        if ends and epoch % self.every.save == 0:
            self._take("save")

    def _previews(self, step: int, due: bool = False) -> None:
        last = step >= self.plans.ahead(step).total_steps
        if last and self.keeper.affords_best:
            self._take("preview")
        if last or ((due or step in EARLY_PREVIEWS) and self.keeper.affords_previews):
            self._take("preview")
            self.told.previews.append(step)

    def _take(self, part: str) -> None:
        self.clock.work(getattr(self.quiet, f"{part}_s"))
        self.keeper.tick(part)  # type: ignore[arg-type]


def wild(seed: int) -> Load:
    """Each second another load, from none to eight times."""
    draw = random.Random(seed)
    loads = [draw.choice([1.0, 1.0, 3.0, 8.0]) for _ in range(2000)]
    return lambda now: loads[int(now)]


# The load, and how much too slow or fast it was measured before.
STEADY: dict[str, tuple[Load, float]] = {
    "constant": (lambda now: 1.0, 1.0),
    "measured three times too fast": (lambda now: 3.0, 1.0),
    "the first ten seconds slow": (lambda now: 8.0 if now < 10 else 1.0, 1.0),
    "steadily slower": (lambda now: 1 + 4 * min(1.0, now / 60), 1.0),
}
UNSTEADY: dict[str, tuple[Load, float]] = {
    "measured three times too slow": (lambda now: 1.0, 3.0),
    "measured in the slow first seconds": (lambda now: 8.0 if now < 10 else 1.0, 8.0),
    "fast and slow by turns": (lambda now: 4.0 if now % 8 < 4 else 1.0, 1.0),
    "very slow by turns": (lambda now: 8.0 if now % 6 < 3 else 1.0, 8.0),
    "slow every other second": (lambda now: 8.0 if now % 2 < 1 else 1.0, 2.0),
    "steadily faster": (lambda now: max(1.0, 5 - 4 * now / 60), 5.0),
    **{f"wild {seed}": (wild(seed), 3.0) for seed in range(4)},
}


@pytest.mark.parametrize("budget_s", [60.0, 120.0, 600.0])
@pytest.mark.parametrize("name", [*STEADY, *UNSTEADY])
def test_minutes_hold_and_the_rate_keeps_up_with_the_clock(
    name: str, budget_s: float, patched: pytest.MonkeyPatch
) -> None:
    load, prior = (STEADY | UNSTEADY)[name]
    told = Simulated(patched, load, budget_s, prior, None).run()
    off_s = max(3.0, min(20.0, 0.05 * budget_s))
    assert abs(told.spent_s - budget_s) <= off_s, f"{told.spent_s:.1f} s of {budget_s:.0f}"
    assert len(told.plans) <= (6 if name in STEADY else 12), [(one.step, one.total_steps) for one in told.plans]
    # Of a constant pace it is half. What a machine does that becomes eight times faster at once is seen in the next
    # five updates, which in a plan of thirty are a sixth of the schedule.
    assert told.high_part > (0.4 if name in STEADY else 0.25)
    assert told.rates[WARMUP_STEPS:] == sorted(told.rates[WARMUP_STEPS:], reverse=True), "it never rises again"


@pytest.mark.parametrize("at", [15.0, 30.0, 40.0])
def test_ten_seconds_of_nothing_cost_ten_seconds_and_not_the_schedule(at: float, patched: pytest.MonkeyPatch) -> None:
    told = Simulated(patched, lambda now: 1.0, 60.0, 1.0, at).run()
    assert abs(told.spent_s - 60) <= 3.0 and len(told.plans) <= 6 and told.high_part > 0.4
    for before, after in zip(told.rates[WARMUP_STEPS:], told.rates[WARMUP_STEPS + 1 :], strict=False):
        assert before - after < 0.05, "no update takes the rate down at once"


@pytest.mark.parametrize("name", [*STEADY, *UNSTEADY])
def test_never_more_time_is_left_than_the_minutes_and_the_end_leave(name: str, patched: pytest.MonkeyPatch) -> None:
    load, prior = (STEADY | UNSTEADY)[name]
    told = Simulated(patched, load, 60.0, prior, None).run()
    dearest_s = 8 * (QUIET.epoch_s + QUIET.preview_s + QUIET.save_s)
    assert all(said <= max(left, dearest_s) for left, said in told.lefts)


def test_previews_that_eat_the_minutes_are_left_out_but_for_the_last(patched: pytest.MonkeyPatch) -> None:
    """On a machine where those of one moment take a fifth of a short run."""
    dear = Costs(step_s=0.3, epoch_s=0.6, preview_s=12.0, save_s=0.4)
    told = Simulated(patched, lambda now: 1.0, 60.0, 1.0, None, dear).run()
    assert told.previews == [0, len(told.rates)] and abs(told.spent_s - 60) <= 3.0
    assert len(told.rates) > 100, "the time is for learning"
    longer = Simulated(patched, lambda now: 1.0, 600.0, 1.0, None, dear).run()
    assert longer.previews[:2] == list(EARLY_PREVIEWS[:2]), "where they are no tenth of what is left they are made"


def moving(seed: int, hold_s: float, worst: float) -> Load:
    """Another load every ``hold_s`` seconds, evenly from none to ``worst`` times."""
    draw = random.Random(seed)
    loads = [draw.uniform(1, worst) for _ in range(400)]
    return lambda now: loads[int(now / hold_s)]


@pytest.mark.parametrize(("budget_s", "outside", "most"), [(60.0, 0.25, 0.125), (120.0, 0.0, 0.05)])
def test_of_many_loads_that_move_few_take_a_run_beyond_its_minutes(
    budget_s: float, outside: float, most: float
) -> None:
    """Where the end alone takes up to a fifth of a minute, as long as the load that it falls into says."""
    quiet = Costs(step_s=0.05, epoch_s=0.7, preview_s=2.0, save_s=0.3)
    off = []
    for seed in range(8):
        for hold_s, worst in ((5, 3), (10, 4), (30, 4)):
            with pytest.MonkeyPatch.context() as patch:
                spent_s = Simulated(patch, moving(seed, hold_s, worst), budget_s, 2.0, None, quiet).run().spent_s
            off.append(abs(spent_s / budget_s - 1))
    assert sum(one > 0.05 for one in off) <= outside * len(off) and max(off) <= most, sorted(off)[-8:]


def test_the_minutes_hold_the_preparation_but_leave_half_to_train() -> None:
    assert [seconds_to_train(60, spent) for spent in (0, 20, 30, 300)] == [60, 40, 30, 30]
    keeper = Timekeeper(TrainingConfig(max_minutes=1), Intervals(5, 10), Costs(step_s=0.1))
    keeper.begin()
    keeper.prepared(22.0)
    assert 60 - keeper.spent_s == pytest.approx(38, abs=1)
