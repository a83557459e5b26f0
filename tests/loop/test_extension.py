"""More of a run than was planned: its plan, that it holds for good, and that the steps are those of any resume."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.claims.length import in_words
from engine.loop.extension import More
from engine.loop.plan_history import PlanHistory, PlanSegment
from engine.plan import Length
from engine.rundir.protocol import PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.conftest import SMALL, Make
from tests.test_train_process import comparable, still_at


@given(
    size=st.integers(1, 40), epochs=st.integers(1, 20), step=st.integers(1, 800), more=st.integers(1, 30),
    minutes=st.floats(0.01, 100), spent=st.floats(0, 1e5),
)  # fmt: skip
def test_a_longer_plan_holds_what_was_asked_and_never_goes_back(
    size: int, epochs: int, step: int, more: int, minutes: float, spent: float
) -> None:
    plans = PlanHistory(Length(size, size * epochs))
    step = min(step, plans.last.total_steps)
    before = plans.ahead(step)
    segment = More(epochs=more).after(before, step, spent)
    assert segment.total_epochs == before.epoch_of(step) + more and segment.ends_epoch(segment.total_steps)
    assert segment.epoch_of(step + 1) == before.epoch_of(step) + before.ends_epoch(step)
    for longer in (segment, More(minutes=minutes).after(before, step, spent)):
        assert longer.total_steps > step and longer.progress_at(longer.total_steps) == pytest.approx(1)
        assert 0 < longer.progress < 1
        if step < before.total_steps:
            assert longer.progress == before.progress_at(step), "what is under way goes on without a jump"


@pytest.fixture(scope="module")
def finished(drums: Path, made_once: Callable[[str, Make], Path]) -> Path:
    """A run of two epochs. Nobody writes into it."""

    def train(root: Path) -> None:
        options = ("--run-dir", root, "--max-epochs", 2, "--checkpoint-interval", 1, *SMALL)
        assert forkserver.run("engine.train", drums, *options).returncode == 0

    return made_once("finished", train)


@pytest.fixture
def again(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "again"))


@pytest.mark.slow
def test_a_finished_run_goes_on_and_each_step_is_that_of_one_that_was_stopped_in_between(
    finished: Path, again: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(finished, tmp_path / "other"))
    first = RunReader(finished).run()
    assert first is not None
    done = forkserver.run("engine.train", "--resume", again, "--more-epochs", 3)
    assert done.returncode == 0, done.stderr
    assert "From there for 3 epochs, whatever was planned." in done.stdout
    longer = RunReader(again).plans()[-1]
    assert f"plan: {in_words(longer.total_epochs, longer.total_steps, None)}, about " in done.stdout
    assert done.stdout.count("plan: ") == 1, "and not the one that it began with"
    with still_at(first.total_steps + 1, "--resume", other, "--more-epochs", 3) as process:
        process.kill()
    assert forkserver.run("engine.train", "--resume", other).returncode == 0
    assert comparable(again) == comparable(other)
    for root in (again, other):
        reader = RunReader(root)
        status, plans = reader.status(), reader.plans()
        assert status is not None and status.state is State.COMPLETED
        assert (status.epoch, status.total_epochs) == (first.total_epochs + 3, first.total_epochs + 3)
        assert [(plan.extends, plan.reason) for plan in plans] == [(True, "extended by 3 epochs")]
        assert reader.run() == first
    assert len(RunReader(again).sessions()) == 2


@pytest.mark.slow
def test_minutes_count_from_where_it_stands_and_a_run_without_a_limit_gets_one(again: Path) -> None:
    spent = RunReader(again).status()
    assert spent is not None
    assert forkserver.run("engine.train", "--resume", again, "--more-minutes", 0.05).returncode == 0
    status, plans = RunReader(again).status(), RunReader(again).plans()
    assert status is not None and status.state is State.COMPLETED and status.step > spent.step
    assert plans[0].extends and plans[0].minutes == pytest.approx(0.05 + spent.elapsed_s / 60, abs=0.05)
    assert status.step == plans[-1].total_steps


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are POSIX")
def test_why_a_run_cannot_be_extended_is_said(again: Path) -> None:
    plans = again / "plans.jsonl"
    plans.unlink(missing_ok=True)
    os.mkfifo(plans)
    done = forkserver.run("engine.train", "--resume", again, "--more-epochs", 1)
    assert done.returncode == 74
    assert f"{plans} cannot be written: it is no regular file. Remove what lies in its place" in done.stderr


def test_extending_twice_where_it_stands_follows_the_later_one() -> None:
    plans = PlanHistory(Length(10, 40))
    records = [
        PlanRecord(
            step=40, total_steps=total, progress=0.5, epoch=4, epoch_ends=40, steps_per_epoch=10,
            total_epochs=total // 10, reason="extended", extends=True, steps_per_s=1, at=0, elapsed_s=0, session="",
        )
        for total in (80, 60)
    ]  # fmt: skip
    for record in records:
        plans.follow(record)
    assert plans.last == PlanSegment.of(records[1]) and plans.extension == records[1]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--more-epochs", 2, "--more-minutes", 1), "A run goes on for epochs or for minutes."),
        (("--more-epochs", 2, "--learning-rate", 0.1), "--resume goes on with a run as it was laid out"),
        (("--more-epochs", 2, "--checkpoint", "epoch-1"), "from its newest checkpoint. Give only --source"),
        (("--runs-dir", "elsewhere"), "from its newest checkpoint. Give only --source"),
    ],
)
def test_what_cannot_be_meant_is_said(drum_run: Path, tmp_path: Path, options: tuple[object, ...], said: str) -> None:
    root = shutil.copytree(drum_run, tmp_path / "run")
    refused = forkserver.run("engine.train", "--resume", root, *options)
    assert refused.returncode == 2 and said in refused.stderr
    assert RunReader(root).plans() == []


@pytest.mark.parametrize("option", [("--more-epochs", 2), ("--source", "/no/such/place")])
def test_what_belongs_to_a_run_that_is_there_needs_one(drums: Path, tmp_path: Path, option: tuple[object, ...]) -> None:
    refused = forkserver.run("engine.train", drums, "--run-dir", tmp_path / "run", "--max-steps", 2, *option)
    assert refused.returncode == 2 and "belong to a run that is there" in refused.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_has_one_place(drums: Path, tmp_path: Path) -> None:
    places = ("--run-dir", tmp_path / "run", "--runs-dir", tmp_path / "runs")
    refused = forkserver.run("engine.train", drums, *places, "--max-steps", 2)
    assert refused.returncode == 2 and "--runs-dir says nothing beside --run-dir" in refused.stderr
    assert not list(tmp_path.iterdir())
