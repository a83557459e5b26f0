"""A run with minutes whose pace changes: it plans anew, nothing jumps, and what was decided once comes again."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from engine.claims.length import in_words
from engine.config import TrainingConfig
from engine.loop.checkpoint import load, load_newest
from engine.loop.cost_meter import CostMeter
from engine.loop.extension import More
from engine.loop.pace import Costs
from engine.loop.plan_history import PlanSegment
from engine.loop.timekeeper import SETTLED_STEPS
from engine.loop.trainer import Trainer
from engine.plan import Length
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.reliability.sessions import write_table
from tests.sampling import later
from tests.toy import Line

FIRST = Length(steps_per_epoch=10, total_steps=400)
TURN = 0.3  # of the run


class Clock:
    """Goes on with every update of :class:`Uneven` alone, however busy or fast the machine is."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return time.time()


CLOCK = Clock()
OWN_S = 0.009  # FIRST takes the minutes that uneven() has


@pytest.fixture(scope="module", autouse=True)
def own_clock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for module in ("loop.timekeeper", "loop.cost_meter", "loop.planner", "rundir.writer"):
            patch.setattr(f"engine.{module}.time", CLOCK)
        yield


class Uneven(Line):
    """Its updates take ``1 + before`` times OWN_S on CLOCK; from TURN on ``1 + after`` times."""

    before, after, turned_at = 0.0, 0.0, 0

    def schedule(self, step, progress):
        if progress > TURN and not self.turned_at:
            self.turned_at = step
        return {"learning_rate": 0.05 * 0.5 * (1 + math.cos(math.pi * progress)), "progress": progress}

    def batch(self, seed, step):
        CLOCK.now += OWN_S * (1 + (self.after if self.turned_at else self.before))
        return super().batch(seed, step)


def uneven(before: float = 0.0, after: float = 8.0, **settings: Any) -> Uneven:
    """Epochs of ten steps, checkpoints after each, 3.6 seconds."""
    values = {"max_minutes": 0.06, "batch_size": 8, "checkpoint_interval": 1, **settings}
    task = Uneven(TrainingConfig.model_validate(values))
    task.before, task.after = before, after
    return task


def open_run(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=resume)


def train(task: Uneven, root: Path) -> Trainer:
    with open_run(root) as writer:
        trainer = Trainer(task, FIRST, writer, lambda: False)
        assert trainer.fit() is State.COMPLETED
    return trainer


def last_events(root: Path, kind: str) -> list[dict[str, Any]]:
    """The last record of each step, in order."""
    found = {event["step"]: event for event in RunReader(root).all_of(kind)}
    return [found[step] for step in sorted(found)]


@pytest.fixture(scope="module")
def slowed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that became nine times slower on its way."""
    root = tmp_path_factory.mktemp("slowed") / "run"
    task = uneven()
    train(task, root)
    assert task.turned_at > 0
    return root


def test_a_run_that_becomes_slower_plans_an_earlier_end(slowed: Path) -> None:
    reader = RunReader(slowed)
    plans, status = reader.plans(), reader.status()
    assert (
        any(plan.reason.startswith("slower than planned: ") for plan in plans)
        and plans[-1].total_steps < FIRST.total_steps
    )
    assert status is not None and status.step == plans[-1].total_steps
    assert (
        (status.total_steps, status.total_epochs)
        == (plans[-1].total_steps, plans[-1].total_epochs)
        == (
            status.step,
            status.epoch,
        )
    )


@pytest.mark.parametrize("most", [None, *later(200)])
def test_no_more_time_is_said_to_be_left_than_its_minutes_leave(
    most: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.loop.planner.KNOWN_S", 0.0)
    told: list[tuple[float, float]] = []
    task, first = uneven(after=8.0 if most is None else 0.0, max_steps=most), replace(FIRST, total_steps=most or 400)
    with open_run(tmp_path / "run") as writer:
        trainer = Trainer(task, first, writer, lambda: False, lambda _: told.append(left_of(writer, trainer)))
        trainer.fit()
    known = [(said, left) for said, left in told if not math.isnan(said)]
    assert known and all(said <= max(left, 0.0) for said, left in known), "its end takes no time of its own here"
    assert most is None or all(said < left for said, left in known), "what the plan takes, where it is less"


def left_of(writer: RunWriter, trainer: Trainer) -> tuple[float, float]:
    """What is said to be left, and what is left of the minutes."""
    keeper = trainer.planner.timekeeper
    assert keeper is not None and writer.status is not None
    said = writer.status.eta_s
    return math.nan if said is None else said, keeper.budget_s - keeper.spent_s


def test_a_run_that_becomes_faster_makes_use_of_it_within_the_ceiling(tmp_path: Path) -> None:
    task = uneven(before=8.0, after=0.0)
    task.config = task.config.model_copy(update={"max_epochs": 3})  # of a preset: nobody named them
    train(task, tmp_path / "run")
    reader = RunReader(tmp_path / "run")
    status, plans = reader.status(), reader.plans()
    assert status is not None and any(plan.reason.startswith("faster than planned: ") for plan in plans)
    assert status.step == status.total_steps and status.epoch <= 3
    assert max(plan.steps_per_epoch for plan in plans) > FIRST.steps_per_epoch, "epochs grew instead of their number"
    ends = [event["epoch"] for event in reader.all_of("epoch")]
    assert ends == list(range(1, status.epoch + 1)), "no epoch is left out or comes twice"


def test_progress_and_learning_rate_never_jump_and_end_at_the_end(slowed: Path) -> None:
    steps = last_events(slowed, "step")
    progress = [step["progress"] for step in steps]
    assert progress[0] == 0 and progress == sorted(progress)
    plans = RunReader(slowed).plans()
    assert PlanSegment.of(plans[-1]).progress_at(len(steps)) == 1, "the last update completes it"
    first = PlanSegment(0, FIRST.total_steps, 0.0, 0, 0, FIRST.steps_per_epoch)
    for before, after in pairwise([first, *map(PlanSegment.of, plans)]):
        assert progress[after.step] == after.progress == pytest.approx(before.progress_at(after.step))


def test_a_crash_right_after_a_plan_line_changes_no_bit(tmp_path: Path) -> None:
    """The run that crashed and went on equals one that nobody disturbed and that had the same lines."""
    root = tmp_path / "run"
    before = crash(root, plans=1)
    with (root / "plans.jsonl").open("ab") as file:  # and a line that the crash tore
        file.write(b'{"step": 99, "total_st')
    with open_run(root, resume=True) as writer:
        loaded, _ = load_newest(writer.layout)
        assert loaded is not None and loaded.step <= before[-1]["step"], "it goes on from before the line"
        resumed = Trainer(uneven(), FIRST, writer, lambda: False)
        resumed.restore(loaded, [])
        assert resumed.fit() is State.COMPLETED
    lines = (root / "plans.jsonl").read_bytes()
    assert [json.loads(line) for line in lines.splitlines()][: len(before)] == before, "and is cut before the next"

    other = tmp_path / "undisturbed"
    with open_run(other) as writer:
        shutil.copy(root / "plans.jsonl", other)
        # Without minutes nothing is decided anew: all that moves its end are the lines.
        undisturbed = Trainer(uneven(0.0, 0.0, max_minutes=None, max_steps=400), FIRST, writer, lambda: False)
        undisturbed.fit()
    assert undisturbed.tracker.step == resumed.tracker.step
    newest = [load(Layout(path).checkpoint(resumed.tracker.step)) for path in (root, other)]
    for name in ("model", "average"):
        assert all(torch.equal(value, newest[1][name][key]) for key, value in newest[0][name].items())
    for kind in ("step", "epoch"):
        assert [clockless(event) for event in last_events(root, kind)] == [
            clockless(event) for event in last_events(other, kind)
        ]


class CrashedError(BaseException):
    pass


def crash(root: Path, plans: int) -> list[dict[str, Any]]:
    """Train until so many plans are noted, and no further; what was noted."""
    with open_run(root) as writer, pytest.raises(CrashedError):
        note = writer.plan_anew

        def noted(record: Any) -> bool:
            assert note(record)
            if len(RunReader(root).plans()) >= plans and record.step > 10:
                raise CrashedError
            return True

        writer.plan_anew = noted  # type: ignore[method-assign]
        Trainer(uneven(), FIRST, writer, lambda: False).fit()
    return [json.loads(line) for line in (root / "plans.jsonl").read_bytes().splitlines()]


def clockless(event: dict[str, Any]) -> dict[str, Any]:
    clocks = {"at", "elapsed_s", "step_time_s", "eta_seconds", "elapsed_seconds"}
    return {name: value for name, value in event.items() if name not in clocks}


def test_a_disk_that_refuses_the_line_leaves_the_plan_as_it_is(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with open_run(root) as writer:
        (root / "plans.jsonl").mkdir()
        trainer = Trainer(uneven(), replace(FIRST, total_steps=60), writer, lambda: False)
        trainer.fit()
        assert trainer.tracker.step == 60
        assert any("refused to note a new plan" in text for text in writer.status.warnings)


def test_the_minutes_hold_what_a_session_took_before_its_first_update(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        CLOCK.now += 1.2  # a third of the minutes: sounds are read, decoded and measured
        began = CLOCK.now
        assert Trainer(uneven(0, 0), FIRST, writer, lambda: False).fit() is State.COMPLETED
    assert CLOCK.now - began == pytest.approx(2.4, rel=0.1)


def test_the_time_of_earlier_sessions_counts(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with open_run(root) as writer:
        first = Trainer(uneven(1.0, 1.0), FIRST, writer, lambda: False)
        first.stop = lambda: first.planner.timekeeper is not None and first.planner.timekeeper.spent_s > 2.4
        assert first.fit() is State.CANCELLED
    CLOCK.now += 100  # nobody trains
    with open_run(root, resume=True) as writer:
        loaded, _ = load_newest(writer.layout)
        second = Trainer(uneven(1.0, 1.0), FIRST, writer, lambda: False)
        assert loaded is not None and second.planner.timekeeper is not None
        second.restore(loaded, [])
        assert second.planner.timekeeper.spent_s > 2
        before = second.tracker.step
        second.fit()
    assert second.tracker.step - before < before, "what was left was less than what was spent"


@pytest.mark.parametrize("more", [More(epochs=5), More(minutes=0.02)], ids=str)
def test_a_run_that_was_stopped_before_its_first_update_can_be_extended(more: More, tmp_path: Path) -> None:
    root = tmp_path / "run"
    with open_run(root) as writer:
        assert Trainer(uneven(0, 0), FIRST, writer, lambda: True).fit() is State.CANCELLED
    with open_run(root, resume=True) as writer:
        loaded, _ = load_newest(writer.layout)
        assert loaded is not None and loaded.step == 0
        longer = Trainer(uneven(0, 0), FIRST, writer, lambda: False)
        longer.restore(loaded, [], more)
        began = CLOCK.now
        assert longer.fit() is State.COMPLETED
    (plan, *_) = RunReader(root).plans()
    assert plan.extends and (plan.step, plan.epoch) == (0, 0)
    if more.epochs:
        assert (longer.tracker.step, plan.total_steps) == (50, 50)
    else:
        assert CLOCK.now - began == pytest.approx(1.2, rel=0.15), "the minutes that were asked for"
    assert Trainer(uneven(0, 0), FIRST, writer, lambda: False).planner.plans.last == longer.planner.plans.last


@pytest.mark.slow
def test_minutes_after_epochs_count_all_that_came_before(tmp_path: Path) -> None:
    """The epochs between have no minutes to be held to; what they took is part of the run all the same."""
    root = tmp_path / "run"
    train(uneven(0, 0, checkpoint_interval=100), root)
    for more in (More(epochs=5), More(minutes=0.02)):
        with open_run(root, resume=True) as writer:
            loaded, _ = load_newest(writer.layout)
            longer = Trainer(uneven(0, 0, checkpoint_interval=100), FIRST, writer, lambda: False)
            assert loaded is not None
            longer.restore(loaded, [], more)
            writer.go_on_after(longer.tracker.elapsed_s)
            step, elapsed_s = longer.tracker.step, longer.tracker.elapsed_s
            if more.minutes is not None:
                break
            longer.fit()
    plan = RunReader(root).plans()[-1]
    assert step == 450 and plan.overall_steps_per_s == pytest.approx(450 / elapsed_s)
    assert longer.planner.timekeeper is not None and longer.planner.timekeeper.spent_s == pytest.approx(elapsed_s)
    assert plan.minutes == pytest.approx(elapsed_s / 60 + 0.02)


Load = Callable[[float], float]
BUDGET_S = 120.0
QUIET = Costs(step_s=0.5, epoch_s=0.6, preview_s=0.8, save_s=0.8)


class Loaded(Line):
    """Its parts take what QUIET says times ``load`` of the time gone by; the first ``held`` after ``at`` 13 s more."""

    load: Load
    held, at = "", 0.0

    def begin(self, writer: RunWriter) -> None:
        self.writer, self.began = writer, CLOCK.now

    @property
    def spent_s(self) -> float:
        return CLOCK.now - self.began

    def take(self, part: str, seconds: float) -> None:
        if part == self.held and self.spent_s >= self.at:
            self.held = ""
            CLOCK.now += 13
        CLOCK.now += seconds * self.load(self.spent_s)

    def schedule(self, step, progress):
        return {"learning_rate": 0.05 * 0.5 * (1 + math.cos(math.pi * progress)), "progress": progress}

    def batch(self, seed, step):
        self.take("step", QUIET.step_s)
        return super().batch(seed, step)

    def evaluate(self, model, part):
        self.take("epoch", QUIET.epoch_s / 2)
        return super().evaluate(model, part)

    def previews(self, model, epoch):
        self.take("preview", QUIET.preview_s)
        return super().previews(model, epoch)

    def state_dict(self):
        if self.writer.status.phase == "save":
            self.take("save", QUIET.save_s)
        return super().state_dict()


def train_under(load: Load, root: Path, held: str = "", at: float = 0.0, *, slow: float = 1.0) -> float:
    """Two minutes planned at a pace ``slow`` times that of QUIET; the seconds they took."""
    config = TrainingConfig.model_validate({"max_minutes": BUDGET_S / 60, "batch_size": 8, "checkpoint_interval": 5})
    task = Loaded(config)
    task.load, task.held, task.at = load, held, at
    costs = Costs(*(slow * getattr(QUIET, name) for name in Costs.__dataclass_fields__))
    with open_run(root) as writer:
        task.begin(writer)
        first = replace(FIRST, total_steps=round(190 / slow))
        assert Trainer(task, first, writer, lambda: False, costs=costs).fit() is State.COMPLETED
    return task.spent_s


def within(begin: float, end: float, times: float = 4.0) -> Load:
    return lambda spent_s: times if begin <= spent_s < end else 1.0


LOADS = {
    "none": within(0, 0),
    "the first third": within(0, 40),
    "a while in the middle": within(40, 80),
    "nearly to the end": within(0, 105),
    "to the last updates": within(0, 104, times=6),
    "to the very last": within(20, 116, times=6),
    "from two thirds on": within(80, 1000),
    "comes and goes": lambda spent_s: 4.0 if spent_s % 14 < 7 else 1.0,
}


@pytest.mark.parametrize("name", LOADS)
def test_two_minutes_stay_two_minutes_whatever_comes_and_goes_beside(name: str, tmp_path: Path) -> None:
    slow = LOADS[name](0.0)  # it was there when the run was laid out
    assert train_under(LOADS[name], tmp_path / "run", slow=slow) == pytest.approx(BUDGET_S, rel=0.05)


@pytest.mark.parametrize("busy", [*later(0), 45])
@pytest.mark.parametrize("at", [30, *later(60, 90)])
@pytest.mark.parametrize("held", ["step", "epoch", "preview", "save"])
def test_one_part_that_is_held_up_is_not_the_price_of_every_other(
    held: str, at: float, busy: float, tmp_path: Path
) -> None:
    assert train_under(within(0, busy), tmp_path / "run", held, at) == pytest.approx(BUDGET_S, rel=0.05)


@given(
    changes=some.lists(some.tuples(some.floats(0, 90), some.floats(1, 4)), max_size=4),
    held=some.sampled_from(["", "step"]),  # of the other parts the next may be the last one
    at=some.floats(0, 70),
)
@settings(max_examples=6, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
def test_minutes_hold_under_any_load_that_leaves_time_to_answer(
    changes: list[tuple[float, float]], held: str, at: float, tmp_path_factory: pytest.TempPathFactory
) -> None:
    def load(spent_s: float) -> float:
        return next((times for begin, times in sorted(changes, reverse=True) if spent_s >= begin), 1.0)

    spent_s = train_under(load, tmp_path_factory.mktemp("any") / "run", held, at)
    assert spent_s == pytest.approx(BUDGET_S, rel=0.05)


@pytest.fixture(scope="module")
def planned_on(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with time left at its planned end."""
    root = tmp_path_factory.mktemp("planned_on") / "run"
    train_under(LOADS["to the last updates"], root, slow=6.0)
    return root


def test_time_left_at_the_planned_end_is_used(planned_on: Path) -> None:
    plans = RunReader(planned_on).plans()
    ends = [round(190 / 6), *(plan.total_steps for plan in plans)]
    assert any(plan.step == end for plan, end in zip(plans, ends, strict=False)), "after its last update"
    progress = [step["progress"] for step in last_events(planned_on, "step")]
    assert progress == sorted(progress) and progress[-1] < 1
    ends = [event["epoch"] for event in RunReader(planned_on).all_of("epoch")]
    assert ends == list(range(1, len(ends) + 1)), "no epoch is left out or comes twice"


def test_what_was_planned_on_comes_again_to_the_bit(planned_on: Path, tmp_path: Path) -> None:
    root, first = tmp_path / "again", replace(FIRST, total_steps=round(190 / 6))
    with open_run(root) as writer:
        shutil.copy(planned_on / "plans.jsonl", root)
        # Without minutes nothing is decided anew: all that moves its end are the lines.
        task = Loaded(TrainingConfig(max_steps=first.total_steps, batch_size=8, checkpoint_interval=5))
        task.load = within(0, 0)
        task.begin(writer)
        again = Trainer(task, first, writer, lambda: False)
        assert again.fit() is State.COMPLETED
    one, other = (load(Layout(path).checkpoint(again.tracker.step)) for path in (planned_on, root))
    assert all(torch.equal(value, other["average"][key]) for key, value in one["average"].items())
    for kind in ("step", "epoch"):
        assert [clockless(event) for event in last_events(planned_on, kind)] == [
            clockless(event) for event in last_events(root, kind)
        ]


def test_heavy_updates_are_a_pace_too() -> None:
    """So few fit into what is remembered that they would never be enough to say anything."""
    meter = CostMeter(Costs(), decay_s=3.0)
    for _ in range(30):
        CLOCK.now += 2.0
        meter.tick("step")
    assert meter.costs.step_s == pytest.approx(2.0) and meter._steps > SETTLED_STEPS


@pytest.mark.slow
def test_a_process_that_is_held_up_ends_earlier_and_says_so_everywhere(tmp_path: Path) -> None:
    table, root = write_table(tmp_path / "table.csv"), tmp_path / "run"
    options = ("--run-dir", root, "--max-minutes", "0.1", "--threads", "1")
    process = forkserver.Popen("engine.train", table, *options, stdout=subprocess.PIPE)
    assert process.stdout is not None
    reader, deadline = RunReader(root), time.monotonic() + 120
    while (status := reader.status()) is None or status.step < 2:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGSTOP)
    first = reader.run()
    assert first is not None
    planned = next((plan.total_steps for plan in reversed(reader.plans())), first.total_steps)
    time.sleep(7)  # longer than the six seconds it has: whatever was planned, and however busy the machine is
    os.kill(process.pid, signal.SIGCONT)
    said = process.communicate(timeout=120)[0].splitlines()
    assert process.returncode == 0
    run, plans, status = reader.run(), reader.plans(), reader.status()
    assert run is not None and status is not None and plans
    assert said[0] == str(root), "the directory comes first: programs read it"
    plan = next(line for line in said if line.startswith("plan: "))
    assert f"{in_words(run.total_epochs, run.total_steps, None)}, about" in plan
    assert run == first, "run.json keeps the first plan"
    assert status.step == status.total_steps == plans[-1].total_steps < planned
    assert status.epoch == status.total_epochs == plans[-1].total_epochs
    shown = forkserver.run("engine", "inspect", root)
    assert f"step {status.step} of {status.step}, epoch {status.epoch} of {status.epoch}" in shown.stdout
    assert f"planned {in_words(run.total_epochs, run.total_steps, None)}" in shown.stdout
    assert "planned anew" in shown.stdout
