"""A run with minutes whose pace changes: it plans anew, nothing jumps, and what was decided once comes again."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.config import TrainingConfig
from engine.loop.checkpoint import load, load_newest
from engine.loop.plan_history import PlanSegment
from engine.loop.trainer import Trainer
from engine.plan import Plan
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.reliability.sessions import write_table
from tests.toy import Line

FIRST = Plan(expansion=1, batch_size=8, steps_per_epoch=10, total_steps=400)
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
        for module in ("timekeeper", "cost_meter", "planner"):
            patch.setattr(f"engine.loop.{module}.time", CLOCK)
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
    assert any(plan.reason == "slower than planned" for plan in plans) and plans[-1].total_steps < FIRST.total_steps
    assert status is not None and status.step == plans[-1].total_steps
    assert (
        (status.total_steps, status.total_epochs)
        == (plans[-1].total_steps, plans[-1].total_epochs)
        == (
            status.step,
            status.epoch,
        )
    )


def test_a_run_that_becomes_faster_makes_use_of_it_within_the_ceiling(tmp_path: Path) -> None:
    task = uneven(before=8.0, after=0.0)
    task.config = task.config.model_copy(update={"max_epochs": 3})  # of a preset: nobody named them
    train(task, tmp_path / "run")
    reader = RunReader(tmp_path / "run")
    status, plans = reader.status(), reader.plans()
    assert status is not None and any(plan.reason == "faster than planned" for plan in plans)
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
    for earlier, later in pairwise([first, *map(PlanSegment.of, plans)]):
        assert progress[later.step] == later.progress == pytest.approx(earlier.progress_at(later.step))


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
    assert f"{run.total_epochs:,} epochs, {run.total_steps:,} updates, about" in plan
    assert run == first, "run.json keeps the first plan"
    assert status.step == status.total_steps == plans[-1].total_steps < planned
    assert status.epoch == status.total_epochs == plans[-1].total_epochs
    shown = forkserver.run("engine", "inspect", root)
    assert f"step {status.step} of {status.step}, epoch {status.epoch} of {status.epoch}" in shown.stdout
    assert f"planned {run.total_epochs:,} epochs, {run.total_steps:,} updates" in shown.stdout
    assert "planned anew" in shown.stdout
