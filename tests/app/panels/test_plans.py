"""What New run says of a run before it starts, and that the run keeps it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest

from app.panels.plans import coming
from engine.audio.segments import cut
from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.collection.health import examine
from engine.collection.split import split_files
from engine.config import TrainingConfig
from engine.plan import Length
from engine.process.job import without_limits
from engine.process.terminal import Terminal
from engine.registry import get_dataset
from engine.resolve import resolve
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, RunConfig
from engine.rundir.status import State
from engine.task import OpenContext
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.datasets import DATASETS
from engine.tasks.mlp.task import MLPTask
from engine.tasks.vae.config import VAEConfig
from tests.app.conftest import said
from tests.app.library import record, write
from tests.conftest import until

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
    assert told.length == Length.of(resolve(TrainingConfig(), 10, 14), 14)
    steps = told.length.total_steps
    assert f"{told.length.total_epochs} epochs, {steps:,} updates, about {round(steps / 600)} minutes" in str(told)


def test_copies_of_a_sound_do_not_make_the_collection_that_is_planned_for_larger() -> None:
    copies = [row.model_copy(update={"path": f"{n}-{row.path}", "same_as": row.path}) for n in range(5) for row in ROWS]
    told = coming(TrainingConfig(), VAEConfig(), [*ROWS, *copies], steps_per_s=10.0)
    assert told.ceiling == coming(TrainingConfig(), VAEConfig(), ROWS, steps_per_s=10.0).ceiling == 100


def test_minutes_that_hold_no_epoch_are_said_to_be_too_few(visit: Visit, runs_dir: Path) -> None:
    slow = coming(TrainingConfig(max_minutes=3.0), VAEConfig(), ROWS, steps_per_s=0.01)
    need = slow.length.steps_per_epoch / 0.6
    assert slow.length.total_steps == 2 < slow.length.steps_per_epoch and "about 1 epoch (" in str(slow)
    enough = coming(TrainingConfig(max_minutes=1.01 * need), VAEConfig(), ROWS, steps_per_s=0.01)
    assert slow.too_short and not enough.too_short
    before = write(runs_dir / "before", state=State.COMPLETED, close=False)
    before.update(steps_per_s=0.01)
    before.close()
    app = visit("new")
    assert "Too short for one epoch." in said(app) and not app.exception
    limit = next(one for one in app.select_slider if one.label == "Stop after")
    limit.set_value(0).run()
    assert "Too short" not in said(app), "without a limit it is as long as it needs to be"


def test_minutes_are_said_with_about_how_much_fits_and_the_ceiling() -> None:
    told = coming(TrainingConfig(max_minutes=20.0), VAEConfig(), ROWS, steps_per_s=10.0)
    assert told.length.total_steps == 12_000 and told.length.total_epochs <= 100
    assert str(told).startswith("20 min, about 12,000 updates in about ") and "(at most 100)" in str(told)


def test_before_anything_ran_here_updates_are_a_range() -> None:
    told = coming(TrainingConfig(max_minutes=2.0), VAEConfig(), ROWS, steps_per_s=12.0, measured=False)
    assert str(told) == "2 min, 480 to 4,300 updates, as fast as it is here."
    free = coming(TrainingConfig(max_steps=1_440), VAEConfig(), ROWS, steps_per_s=12.0, measured=False)
    assert str(free).endswith("1,440 updates, 40 seconds to 6 minutes, as fast as it is here.")
    assert "40 seconds" not in str(coming(TrainingConfig(max_steps=1_440), VAEConfig(), ROWS, steps_per_s=12.0))


def test_time_that_goes_beyond_what_is_needed_is_said_to_be_used_up() -> None:
    need = resolve(TrainingConfig(), 10, VAEConfig().num_items(ROWS)).max_steps
    assert need is not None
    told = coming(TrainingConfig(max_minutes=20.0), VAEConfig(), ROWS, steps_per_s=2.5 * need / 1200)
    assert str(told).endswith("It uses up its time: 2.5 times the updates that such a collection is measured to need.")
    enough = coming(TrainingConfig(max_minutes=20.0), VAEConfig(), ROWS, steps_per_s=need / 1200)
    assert enough.minutes == 20 and "uses up" not in str(enough)


@pytest.mark.parametrize(
    "training, told", [({"max_minutes": 20.0}, True), ({"max_minutes": 20.0, "max_steps": 90_000}, False), ({}, False)]
)
def test_the_terminal_says_it_too(training: dict[str, float], told: bool, capsys: pytest.CaptureFixture[str]) -> None:
    config = RunConfig(training=training, task={})
    Terminal().begin(record("drums", total_steps=90_000, config=config))
    assert ("times the updates that such a collection is measured to need" in capsys.readouterr().out) == told


def test_without_a_limit_the_line_says_why_it_ends_where_it_does() -> None:
    told = coming(TrainingConfig(), VAEConfig(), ROWS, steps_per_s=10.0)
    assert str(told).endswith("No limit is set: it ends there, because such a collection is measured to need no more.")
    for limit in ({"max_epochs": 3}, {"max_steps": 9}, {"max_minutes": 1.0}):
        assert "No limit" not in str(coming(TrainingConfig(**limit), VAEConfig(), ROWS, steps_per_s=10.0))


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
    assert "No limit is set: it ends there" in said(app), "unasked, it is as long as such a collection needs"
    limit = next(one for one in app.select_slider if one.label == "Stop after")
    limit.set_value(20).run()
    assert "The plan:" in said(app) and "20 min, about" in said(app) and "(at most 100)" in said(app)
    assert pace, "it is what the plan is made of"
    assert f"20 min, about {float(f'{1200 * pace:.2g}'):,.0f} updates in about " in said(app)


def test_the_run_keeps_the_length_that_was_said(visit: Visit, drums: Path, runs_dir: Path) -> None:
    app = visit("new")
    choose(app, drums)
    rows = examine(open_collection(drums, DecodeSettings(), minimum=0)).files
    chunks = VAEConfig().num_items(rows)
    expected = Length.of(resolve(TrainingConfig(), 10, chunks), chunks)
    assert f"{expected.total_epochs} epochs, {expected.total_steps:,} updates, " in said(app)
    assert "as fast as it is here" in said(app), "nothing ran here: how long it takes is a guess"
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
    assert ("No limit is set" in said(app)) == (minutes == 0) and ("3 min, " in said(app)) == (minutes == 3)


def table(visit: Visit, name: str) -> AppTest:
    app = visit("new")
    app.segmented_control(key="source").set_value("A data set").run()
    app.selectbox(key="named").set_value(name).run()
    assert not app.exception
    return app


@pytest.mark.parametrize("name", ["iris", "breast_cancer", "diabetes"])
def test_the_plan_of_a_table_is_the_one_its_run_makes(visit: Visit, name: str) -> None:
    """By default and with updates that were named; of its time nothing is known before the first run of a table."""
    dataset = get_dataset(name)
    config = TrainingConfig.model_validate(dataset.defaults)
    own = MLPConfig.model_validate(dataset.task_defaults)
    app = table(visit, name)
    for named in ({}, {"max_steps": 400}):
        config = TrainingConfig.model_validate(without_limits(dataset.defaults, named) | named)
        task = MLPTask(dataset.load(), config, own, torch.device("cpu"), OpenContext())
        length = Length.of(task.config, task.num_train)
        assert f"{length.total_epochs} epochs, {length.total_steps:,} updates." in said(app)
        app.text_input(key="setting-max_steps").set_value("400").run()


def test_every_table_that_comes_along_has_as_many_rows_as_it_says() -> None:
    assert all(len(dataset.load().target) == dataset.num_items for dataset in DATASETS)


def test_the_plan_of_a_table_says_the_time_at_the_pace_of_the_last_one(visit: Visit, runs_dir: Path) -> None:
    app = table(visit, "iris")
    app.select_slider[0].set_value(5).run()
    assert "5 min, as many updates as they hold." in said(app)
    write(runs_dir / "before", task="mlp")
    until(lambda: "5 min, about " in said(app.run()))


def test_a_csv_has_a_plan(visit: Visit, tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_text("a,b,kind\n" + "".join(f"{n},{n % 7},{'xy'[n % 2]}\n" for n in range(40)))
    app = visit("new")
    choose(app, path)
    assert "The plan:</b> 100 epochs, 100 updates." in said(app)
