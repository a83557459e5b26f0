"""What New run says of a run before it starts, and that the run keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.panels.plans import coming
from engine.audio.segments import cut
from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.collection.health import examine
from engine.collection.split import split_files
from engine.config import TrainingConfig, resolve
from engine.plan import plan
from engine.rundir.reader import RunReader
from engine.rundir.schema import FileRow, State
from engine.tasks.vae.config import VAEConfig
from tests.app.conftest import said
from tests.app.library import write

Visit = Callable[..., AppTest]
ROWS = [FileRow(path=f"{n}.wav", verdict="used", split="train" if n < 7 else "val", duration_s=2.0) for n in range(10)]


def test_the_items_are_those_that_training_cuts(drums: Path) -> None:
    collection = open_collection(drums, DecodeSettings(), minimum=0)
    rows = examine(collection).files
    sides = split_files(collection.groups, 0.3, 42)
    for chunk_s in (0.2, 0.5, 1.0):
        lengths = [sound.num_samples for sound, side in zip(collection.sounds, sides, strict=True) if side == "train"]
        assert VAEConfig(chunk_duration_s=chunk_s).num_items(rows) == len(cut(lengths, round(48_000 * chunk_s)))


def test_a_run_without_a_limit_is_said_as_it_is_planned() -> None:
    told = coming(TrainingConfig(), VAEConfig(), ROWS, steps_per_s=10.0)
    assert told.plan == plan(resolve(TrainingConfig(), 10, 14), 14)
    steps = told.plan.total_steps
    assert f"{told.plan.total_epochs} epochs, {steps:,} updates, about {round(steps / 600)} minutes" in str(told)


def test_minutes_are_said_with_about_how_much_fits_and_the_ceiling() -> None:
    told = coming(TrainingConfig(max_minutes=20.0), VAEConfig(), ROWS, steps_per_s=10.0)
    assert told.plan.total_steps == 12_000 and told.plan.total_epochs <= 100
    assert str(told).startswith("20 min, about 12,000 updates in about ") and "(at most 100)" in str(told)


def test_a_tighter_limit_than_the_minutes_is_the_one_that_is_said() -> None:
    told = coming(TrainingConfig(max_minutes=20.0, max_epochs=3), VAEConfig(), ROWS, steps_per_s=10.0)
    assert told.minutes is None and str(told).startswith("3 epochs, ")


def choose(app: AppTest, folder: Path) -> None:
    app.segmented_control(key="source").set_value("A folder on this computer").run()
    app.text_input(key="folder").set_value(str(folder)).run()
    assert not app.exception


def test_new_run_says_the_plan_at_the_pace_of_the_last_run_here(visit: Visit, drums: Path, runs_dir: Path) -> None:
    write(runs_dir / "before", state=State.COMPLETED)
    pace = RunReader(runs_dir / "before").status().steps_per_s  # type: ignore[union-attr]
    app = visit("new")
    choose(app, drums)
    assert "The plan:" in said(app) and "20 min, about" in said(app) and "(at most 100)" in said(app)
    if pace:
        assert f"about {round(1200 * pace, -2):,.0f}"[:7] in said(app)


def test_the_run_keeps_the_length_that_was_said(visit: Visit, drums: Path, runs_dir: Path) -> None:
    app = visit("new")
    choose(app, drums)
    app.select_slider[0].set_value(0).run()
    rows = examine(open_collection(drums, DecodeSettings(), minimum=0)).files
    chunks = VAEConfig().num_items(rows)
    expected = plan(resolve(TrainingConfig(), 10, chunks), chunks)
    assert f"{expected.total_epochs} epochs, {expected.total_steps:,} updates, about" in said(app)
    app.button(key="start").click().run()
    from app.runs.launch import launcher

    launch = next(iter(launcher()._launches.values()))
    command = list(map(str, launch.process.args))
    launch.process.kill()
    launch.process.wait()
    assert command[command.index("--max-steps") + 1] == str(expected.total_steps) and "--max-minutes" not in command


@pytest.mark.parametrize("minutes", [0, 3])
def test_the_demo_without_a_limit_does_not_fall_back_to_its_own_minutes(visit: Visit, minutes: int) -> None:
    app = visit("new")
    app.select_slider[0].set_value(minutes).run()
    assert ("updates, about" in said(app)) == (minutes == 0)
