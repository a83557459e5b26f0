"""The second task through the loop, the run directory and the process, none of which knows it."""

from __future__ import annotations

import io
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from engine.config import TrainingConfig
from engine.curves import smooth
from engine.errors import ConfigError, TrainingFailedError
from engine.loop.checkpoint import load, load_newest
from engine.loop.trainer import Trainer
from engine.plan import BatchLayout, Length
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import Abilities
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from engine.task import OpenContext, Source
from engine.tasks.mlp.config import MLPConfig
from engine.tasks.mlp.table import Table
from engine.tasks.mlp.task import MLPTask, open_task
from tests.sampling import later
from tests.test_train_process import still_at

Engine = Callable[..., CompletedProcess[str]]
CPU = torch.device("cpu")


def new_task(name: str = "friedman1", model: dict[str, Any] | None = None, **training: Any) -> MLPTask:
    values = {"max_steps": 60, "batch_size": 100, "regularization": {"dropout": 0.3}, **training}
    source = Source(kind="dataset", name=name)
    config = MLPConfig.model_validate(model or {"layers": "16,8"})
    return open_task(source, TrainingConfig.model_validate(values), config, CPU, OpenContext())


def new_trainer(task: MLPTask, writer: RunWriter, stop: Callable[[], bool] = lambda: False) -> Trainer:
    return Trainer(task, Length.of(task.config, task.num_train), writer, stop)


def open_run(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=resume)


def events(root: Path, kind: str) -> list[dict[str, Any]]:
    return [event for event in RunReader(root).events().events if event["event"] == kind]


def same(first: Any, second: Any) -> bool:
    """Equal to the last bit, through all that a checkpoint nests."""
    if isinstance(first, torch.Tensor):
        return torch.equal(first, second)
    if isinstance(first, dict):
        return first.keys() == second.keys() and all(same(first[key], second[key]) for key in first)
    if isinstance(first, list):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(first == second)


@pytest.mark.parametrize("stopped_at", [1, 13, *later(9, 31)])
def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path: Path, stopped_at: int) -> None:
    with open_run(tmp_path / "whole") as writer:
        assert new_trainer(new_task(), writer).fit() is State.COMPLETED
    parts = tmp_path / "parts"
    with open_run(parts) as writer:
        trainer = new_trainer(new_task(), writer, stop=lambda: trainer.tracker.step >= stopped_at)
        assert trainer.fit() is State.CANCELLED
    with open_run(parts, resume=True) as writer:
        trainer = new_trainer(new_task(), writer)
        loaded, _ = load_newest(Layout(parts))
        assert loaded is not None and loaded.step == stopped_at
        trainer.restore(loaded, [])
        assert trainer.fit() is State.COMPLETED
    states = [load(Layout(root).checkpoint(60)) for root in (tmp_path / "whole", parts)]
    for state in states:
        state["tracker"].pop("elapsed_s")
    for part in states[0]:
        assert same(states[0][part], states[1][part]), part
    moments = ("at", "elapsed_s", "step_time_s")
    tales = [
        {event["step"]: {name: event[name] for name in event if name not in moments} for event in events(root, "step")}
        for root in (tmp_path / "whole", parts)
    ]
    assert tales[0] == tales[1]


def test_classification_tells_accuracy_as_a_fraction(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        new_trainer(new_task("iris", max_steps=120, batch_size=16, learning_rate=0.01), writer).fit()
    last = events(tmp_path / "run", "epoch")[-1]
    assert 0.8 < last["val_accuracy"] <= 1 and 0.8 < last["train_accuracy"] <= 1
    assert last["val_loss"] < 0.6 and "val_r2" not in last and "kl_divergence" not in last


@pytest.mark.slow
def test_of_epochs_with_as_many_right_the_one_with_the_least_loss_is_best(tmp_path: Path) -> None:
    task = new_task("iris", max_steps=400, regularization={"dropout": 0.0})
    with open_run(tmp_path) as writer:
        assert new_trainer(task, writer).fit() is State.COMPLETED
        best = writer.status.best
    epochs = events(tmp_path, "epoch")
    scores, losses = smooth([one["val_accuracy"] for one in epochs]), smooth([one["val_loss"] for one in epochs])
    tied = [place for place, score in enumerate(scores) if abs(score - max(scores)) <= 1e-4 * max(scores)]
    assert len(tied) > 3 and best is not None
    assert losses[best.epoch - 1] <= 1.0001 * min(losses[place] for place in tied)
    assert best.epoch - 1 != tied[0], "the loss went on falling"


def test_regression_tells_r2_and_the_error_in_the_targets_unit(tmp_path: Path) -> None:
    task = new_task(max_steps=200, batch_size=32, learning_rate=0.01, regularization={"dropout": 0.0})
    with open_run(tmp_path / "run") as writer:
        new_trainer(task, writer).fit()
    last = events(tmp_path / "run", "epoch")[-1]
    assert 0.7 < last["val_r2"] < 1
    assert 0.5 < last["val_mae"] < 3, "noise of deviation 1 in a target of deviation 5"
    assert "val_accuracy" not in last
    assert last["overfitting_gap"] == pytest.approx(1 - last["val_r2"] / last["train_r2"], abs=0.05)


def test_where_all_held_out_targets_are_equal_the_least_error_is_best(tmp_path: Path) -> None:
    """R² was NaN in every epoch, the largest loss counted as best, and no weights were kept."""
    draw, path = np.random.default_rng(3), tmp_path / "t.csv"
    rows = "".join(f"{a:.3f},{b:.3f},{4 if place == 0 else 0}\n" for place, (a, b) in enumerate(draw.random((12, 2))))
    path.write_text("a,b,y\n" + rows)
    source = Source(kind="file", name="t.csv", path=str(path))
    config = TrainingConfig(max_steps=60, batch_size=4, learning_rate=0.01, regularization={"dropout": 0.0})
    said: list[str] = []
    mlp = MLPConfig.model_validate({"layers": "16,8", "task_type": "regression"})
    task = open_task(source, config, mlp, CPU, OpenContext(warn=said.append))
    with open_run(tmp_path / "run") as writer:
        assert new_trainer(task, writer).fit() is State.COMPLETED
        status = writer.status
    epochs = events(tmp_path / "run", "epoch")
    errors = smooth([one["val_mae"] for one in epochs])
    assert task.monitor.better == "lower" and not any("val_r2" in one for one in epochs)
    assert status.best is not None and errors[status.best.epoch - 1] <= 1.0001 * min(errors)
    assert status.evidence is not None and status.evidence.best == epochs[status.best.epoch - 1]["val_mae"]
    assert Layout(tmp_path / "run").best.is_file() and "have the same 'y'" in said[0]


def test_rows_come_to_the_scale_that_the_weights_to_begin_with_know() -> None:
    """Another table of the same columns: its own mean and spread are others."""
    random = np.random.default_rng(0)

    def task(scale: float) -> MLPTask:
        table = Table(scale * random.random((40, 3)), scale * random.random(40), ("a", "b", "c"))
        return MLPTask(table, TrainingConfig(max_steps=2), MLPConfig(), CPU, OpenContext())

    old, new = task(1), task(5)
    new.begin_with(old.state_dict())
    assert new.standard.target_std == old.standard.target_std
    for rows in (new.train, new.val, new.parts["val"], new.loader.rows):
        back = (rows.x.double() * new.standard.std + new.standard.mean).numpy()
        nearest = np.abs(back[:, None] - new.table.features[None]).max(2)
        assert nearest.min(1).max() < 1e-4
        assert new.standard.restore(rows.y) == pytest.approx(new.table.target[nearest.argmin(1)], abs=1e-4)
    assert len(new.train) + len(new.val) == 40


def test_it_learns_by_adam() -> None:
    from engine.loop.update import new_optimizer

    optimizer = new_optimizer(new_task())
    assert isinstance(optimizer, torch.optim.Adam) and not isinstance(optimizer, torch.optim.AdamW)


def test_the_baseline_is_what_the_best_constant_answer_scores() -> None:
    task = new_task("breast_cancer")
    commonest = int(torch.mode(task.train.y).values)
    assert task.monitor.baseline == pytest.approx(float((task.val.y == commonest).float().mean()))
    baseline = new_task().monitor.baseline
    assert baseline is not None and -0.1 < baseline <= 0


@pytest.mark.parametrize(("model", "said"), [
    ({"input_dim": 5}, "input_dim is 5, but the data has 4 features"),
    ({"output_dim": 2}, "output_dim is 2, but the data has 3 classes"),
    ({"task_type": "regression"}, "classification, not regression"),
])  # fmt: skip
def test_a_shape_that_does_not_fit_is_refused_with_both_numbers(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        new_task("iris", model)


@pytest.mark.parametrize(("source", "model", "said"), [
    (Source(kind="dataset", name="iris"), {"target": "species"}, "'iris' says itself .* --target"),
    (Source(kind="dataset", name="iris"), {"labels": "folders"}, "'iris' says itself .* --labels"),
    (Source(kind="file", name="t", path="t.csv"), {"labels": "folders"}, "one of its columns: --labels"),
    (Source(kind="folder", name="t", path="."), {"labels": "folders", "target": "pitch"}, "sub-folders .* --target"),
])  # fmt: skip
def test_a_setting_that_would_go_unheard_is_an_error(source: Source, model: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        open_task(source, TrainingConfig(), MLPConfig.model_validate(model), CPU, OpenContext())


def test_every_dimension_is_filled_in_and_kept() -> None:
    config = new_task("digits").task_config
    assert (config.input_dim, config.output_dim, config.task_type) == (64, 10, "classification")
    assert [layer.dropout for layer in config.layers] == [0.3, 0.3]


@pytest.mark.parametrize("name", ["iris", "friedman1"])
def test_a_preview_is_a_small_picture(name: str) -> None:
    task = new_task(name)
    (preview,) = task.previews(task.model, 0)
    assert preview.kind == "image"
    assert len(preview.files["png"]) < 40_000
    with Image.open(io.BytesIO(preview.files["png"])) as image:
        assert image.size == (640, 480)
        assert len(image.convert("RGB").getcolors() or []) > 8, "it is not blank"


def test_a_loss_that_is_nan_ends_it_and_keeps_the_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = new_task()
    batch = task.batch

    def poisoned(seed: int, step: int) -> Any:
        values = dict(batch(seed, step))
        return values | {"x": values["x"] * math.nan} if step == 20 else values

    monkeypatch.setattr(task, "batch", poisoned)
    with open_run(tmp_path / "run") as writer, pytest.raises(TrainingFailedError, match=r"NaN at epoch 3 .step 20"):
        new_trainer(task, writer).fit()
    assert [event["step"] for event in events(tmp_path / "run", "step")] == list(range(1, 21))
    assert len(events(tmp_path / "run", "epoch")) == 2


@pytest.mark.parametrize("name", ["iris", *later("digits"), "friedman1"])
def test_a_learning_rate_of_a_million_fails_with_its_cause(tmp_path: Path, engine: Engine, name: str) -> None:
    root = tmp_path / "run"
    result = engine("train", name, "--run-dir", root, "--learning-rate", "1e6")
    assert result.returncode == 1, result.stderr
    assert "The loss grew to" in result.stderr and "--learning-rate" in result.stderr
    status = RunReader(root).status()
    assert status is not None and status.state is State.FAILED
    assert status.error is not None and "The loss grew to" in status.error.cause
    assert events(root, "step")


def test_a_csv_trains_and_is_gone_on_with_by_the_same_commands(tmp_path: Path, engine: Engine) -> None:
    draw = np.random.default_rng(0)
    rows = draw.normal(size=(60, 2))
    lines = [f"{a},{b},{'up' if a + b > 0 else 'down'}" for a, b in rows]
    table = tmp_path / "points.csv"
    table.write_text("\n".join(["a,b,where", *lines]))
    result = engine("train", table, "--runs-dir", tmp_path, "--max-steps", 40, "--layers", "8", "--name", "points")
    assert result.returncode == 0, result.stderr
    root = Path(result.stdout.splitlines()[0])
    record = RunReader(root).run()
    assert record is not None and record.task == "mlp" and record.source.kind == "file"
    assert record.can == Abilities(), "no sounds come from a table"
    guard = record.config.training["regularization"]["dropout"]
    assert record.config.task["layers"] == [{"units": 8, "activation": "silu", "dropout": guard, "layer_norm": False}]
    assert events(root, "epoch")[-1]["val_accuracy"] > 0.7
    assert engine("train", "--resume", root).returncode == 0
    table.write_text("\n".join(["a,b,where", *lines[:-1]]))
    with Layout(root).status.open() as file:
        text = file.read()
    Layout(root).status.write_text(text.replace('"completed"', '"cancelled"'))
    changed = engine("train", "--resume", root)
    assert changed.returncode == 2 and "The data has changed" in changed.stderr


def test_a_table_of_wrong_numbers_never_gets_a_run(tmp_path: Path, engine: Engine) -> None:
    table, runs = tmp_path / "bad.csv", tmp_path / "runs"
    table.write_text("a,b,kind\n1,red,x\n2,1,y\n3,1,y\n4,1\n5,1,x\n")
    for place in (("--run-dir", runs / "run"), ("--runs-dir", runs)):
        result = engine("train", table, *place)
        assert result.returncode == 2 and "holds 'red' on line 2" in result.stderr and "Line 5 has 2" in result.stderr
        assert not runs.exists()


def test_a_table_is_judged_without_torch_and_scikit_learn(tmp_path: Path) -> None:
    table = write_messy(tmp_path / "messy.csv")
    code = (
        "import sys; from pathlib import Path\n"
        "from engine.process.job import plain_job; from engine.registry import find_source\n"
        f"job = plain_job(find_source({str(table)!r}), {{}}, {{}}, Path('run'), 'x')\n"
        "print(job.notes[0]); assert not {'torch', 'sklearn'} & sys.modules.keys()"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert "2 categories" in result.stdout


def write_messy(path: Path, rows: int = 150) -> Path:
    """A file as spreadsheets write them: marks, gaps, words, dates, columns that tell nothing, rows without a label."""
    draw = np.random.default_rng(0)
    lines = ["\ufeffid;age;height;city;joined;member;const;void;name;label;"]
    for row in range(rows):
        age, city = int(draw.integers(18, 80)), str(draw.choice(["Oslo", "Rome", "Paris"]))
        height = f"{draw.normal(1.7, 0.1):.2f}".replace(".", ",")
        joined = f"{draw.integers(1, 29):02d}.{draw.integers(1, 13):02d}.{draw.integers(2000, 2024)}"
        label = "" if row % 50 == 7 else "high" if age > 50 and city != "Rome" else "low"
        values = [age if row % 9 else "", height if row % 11 else "NA", f'"{city}"' if row % 13 else "", joined]
        member = ["silver", 'gold; ""old""'][row % 2]
        lines.append(";".join(map(str, [row, *values, f'"{member}"', 7, "", f"Person {row}", label, ""])))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_a_messy_table_killed_and_gone_on_with_comes_to_the_same_bits(tmp_path: Path, engine: Engine) -> None:
    table = write_messy(tmp_path / "messy.csv")
    arguments = ("--max-steps", 600, "--threads", 1, "--layers", "8", "--checkpoint-interval", 1)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    result = engine("train", table, "--run-dir", whole, *arguments)
    assert result.returncode == 0, result.stderr
    assert "2 categories" in result.stderr and result.stdout.splitlines()[0] == str(whole)
    process = still_at(300, table, "--run-dir", killed, *arguments)
    assert any(Layout(killed).checkpoints.glob("step-*.safetensors"))
    process.kill()
    assert process.wait() != 0
    assert engine("train", "--resume", killed).returncode == 0
    states = [load(Layout(root).checkpoint(600)) for root in (whole, killed)]
    assert states[0]["task"]["preparation"]["categories"].keys() == {"city", "member"}
    for state in states:
        state["tracker"].pop("elapsed_s")
    assert same(*states)
    rows = RunReader(killed).dataset()
    assert rows is not None and "3 rows without 'label' left out" in (rows.files[0].reason or "")


def test_rows_are_laid_out_once_an_epoch() -> None:
    task = new_task("digits", batch_size=32, max_steps=None, max_epochs=20)
    assert BatchLayout.of(task.config, task.num_train).expansion == 1
    assert Length.of(task.config, task.num_train).steps_per_epoch == math.ceil(task.num_train / 32)
