"""The loop on a task it has never heard of."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.config import TrainingConfig
from engine.errors import RunDirectoryError, TrainingFailedError
from engine.loop.checkpoint import load, load_newest, steps_saved
from engine.loop.planner import KNOWN_STEPS
from engine.loop.snapshot import MOST_SNAPSHOTS, load_snapshot
from engine.loop.tracker import BestEpoch
from engine.loop.trainer import SKIPS_IN_A_ROW, Trainer
from engine.metrics import EpochMetrics, StepMetrics, TrainingCompleteEvent
from engine.plan import Length
from engine.process.resume_point import finished_epochs
from engine.rundir import control
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from engine.task import Monitor, Preview, StepOutput
from tests.toy import Line


def open_run(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={}, resume=resume)


def new_trainer(task: Line, writer: RunWriter, stop: Callable[[], bool] = lambda: False, **more: Any) -> Trainer:
    return Trainer(task, Length.of(task.config, task.num_train), writer, stop, **more)


def line(**settings: Any) -> Line:
    """Epochs of eight steps."""
    values = {
        "max_steps": 40,
        "batch_size": 8,
        "checkpoint_interval": 1,
        "regularization": {"augmentation_expansion": 1},
    }
    return Line(TrainingConfig.model_validate(values | settings))


def weights(task: Line) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in task.model.parameters()]


def test_a_task_the_loop_does_not_know_trains_to_the_end(tmp_path: Path) -> None:
    task = line(learning_rate=0.05)
    heard: list[object] = []
    with open_run(tmp_path / "run") as writer:
        assert new_trainer(task, writer, callback=heard.append).fit() is State.COMPLETED
    events = RunReader(tmp_path / "run").events().events
    steps = [event for event in events if event["event"] == "step"]
    assert [step["step"] for step in steps] == list(range(1, 41))
    assert "recon_loss" not in steps[0], "a metric the task has not must be left out"
    assert steps[-1]["train_loss"] < steps[0]["train_loss"] / 2
    assert [type(event) for event in heard].count(StepMetrics) == 40
    assert isinstance(heard[-1], TrainingCompleteEvent)
    assert {"epoch", "checkpoint", "preview", "complete"} <= {event["event"] for event in events}


def test_steps_are_one_per_update_and_epochs_only_when_finished(tmp_path: Path) -> None:
    task = line(max_steps=45)
    heard: list[Any] = []
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer, callback=heard.append)
        trainer.fit()
    steps = [event.step for event in heard if isinstance(event, StepMetrics)]
    epochs = [event.step for event in heard if isinstance(event, EpochMetrics)]
    assert steps == list(range(1, 46))
    assert epochs == [8, 16, 24, 32, 40, 45], "of eight steps each, but for the last, which the run's end cuts short"


@pytest.mark.parametrize("stopped_at", [1, 7, 32, 33, 39])
def test_a_stopped_run_goes_on_with_the_same_bits(tmp_path: Path, stopped_at: int) -> None:
    whole = line()
    with open_run(tmp_path / "whole") as writer:
        before = weights(whole)
        uninterrupted = new_trainer(whole, writer)
        uninterrupted.fit()
    assert not torch.equal(before[0], weights(whole)[0]), "nothing was learnt, so nothing is compared"

    first = line()
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(first, writer)
        trainer.stop = lambda: trainer.tracker.step >= stopped_at
        assert trainer.fit() is State.CANCELLED
    second = line()
    with open_run(tmp_path / "run", resume=True) as writer:
        loaded, complaints = load_newest(writer.layout)
        assert loaded is not None and loaded.step == stopped_at and not complaints
        resumed = new_trainer(second, writer)
        resumed.restore(loaded, [])
        assert resumed.fit() is State.COMPLETED

    for expected, got in zip(weights(whole), weights(second), strict=True):
        assert torch.equal(expected, got)
    last = [load(Layout(tmp_path / name).checkpoint(40)) for name in ("whole", "run")]
    assert equal(last[0]["optimizer"], last[1]["optimizer"])
    assert equal(last[0]["average"], last[1]["average"])
    assert equal(without(last[0]["tracker"], "elapsed_s"), without(last[1]["tracker"], "elapsed_s"))


def train_normalised(root: Path, last: int) -> None:
    """Up to step ``last`` of 40: a line with a BatchNorm, whose running statistics exceed half precision."""
    task = line()
    first, *others = task.model
    first.weight.data.mul_(3000)
    task.model = nn.Sequential(first, nn.BatchNorm1d(8), *others)
    with open_run(root, resume=root.exists()) as writer:
        trainer = new_trainer(task, writer)
        trainer.stop = lambda: trainer.tracker.step == last < 40
        loaded, _ = load_newest(writer.layout)
        if loaded is not None:
            trainer.restore(loaded, [])
        trainer.fit()


def test_what_a_model_remembers_beside_its_weights_is_judged_kept_and_resumed(tmp_path: Path) -> None:
    train_normalised(tmp_path / "whole", 40)
    for last in (13, 40):
        train_normalised(tmp_path / "parts", last)
    layout = Layout(tmp_path / "whole")
    whole, snapshot = load(layout.checkpoint(40)), load_snapshot(layout.snapshot(5, 40))
    for kept in (whole["average"], snapshot["average"]):
        for name in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
            assert torch.equal(kept[name], whole["model"][name]), name
    assert float(whole["average"]["1.running_var"].max()) > torch.finfo(torch.half).max
    assert whole["average"]["1.num_batches_tracked"] == 40
    again = load(Layout(tmp_path / "parts").checkpoint(40))
    assert equal(whole["average"], again["average"]) and equal(whole["model"], again["model"])


def test_a_nan_loss_fails_at_once_and_keeps_what_was_best(tmp_path: Path) -> None:
    task = line()
    poison(task, at=35, value=math.nan)
    with open_run(tmp_path / "run") as writer, pytest.raises(TrainingFailedError, match="became NaN") as failure:
        new_trainer(task, writer).fit()
    assert f"--learning-rate {task.config.learning_rate / 2:g}." in failure.value.remedy
    reader = RunReader(tmp_path / "run")
    steps = [event for event in reader.events().events if event["event"] == "step"]
    assert steps[-1]["step"] == 35 and math.isnan(steps[-1]["train_loss"])
    assert any(item.path.name == "best.safetensors" and item.verified for item in reader.checkpoints())


def test_a_diverging_loss_fails(tmp_path: Path) -> None:
    task = line()
    poison(task, at=10, value=1e9)
    with open_run(tmp_path / "run") as writer, pytest.raises(TrainingFailedError, match="grew to"):
        new_trainer(task, writer).fit()


def test_a_model_that_nothing_can_be_fitted_to_has_diverged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint or preview may come before the loss shows it, sooner the slower the computer."""
    task = line()
    with open_run(tmp_path / "run") as writer:
        trainer, prepare = new_trainer(task, writer), task.prepare_snapshot

        def fitted(model: nn.Module) -> None:
            torch.linalg.cholesky(torch.eye(2) * (-1 if trainer.tracker.step else 1))
            prepare(model)

        monkeypatch.setattr(task, "prepare_snapshot", fitted)
        with pytest.raises(TrainingFailedError, match=r"beyond all bounds at epoch \d+ \(step \d+\)") as failure:
            trainer.fit()
    assert f"--learning-rate {task.config.learning_rate / 2:g}." in failure.value.remedy


def test_one_non_finite_gradient_is_skipped_and_several_in_a_row_fail(tmp_path: Path) -> None:
    task = line()
    moved = {}

    def spoil(step: int) -> None:
        task.model[0].weight.register_hook(lambda grad: grad * math.inf if task.step == step else grad)

    follow(task, moved)
    spoil(5)
    with open_run(tmp_path / "one") as writer:
        trainer = new_trainer(task, writer)
        trainer.fit()
        assert trainer.tracker.skipped == 1
        assert any("not finite" in text for text in writer.status.warnings)
    assert torch.equal(moved[5], moved[6]), "the skipped step must move nothing"
    assert not torch.equal(moved[6], moved[7])

    task = line()
    follow(task, {})
    for step in range(5, 5 + SKIPS_IN_A_ROW):
        task.model[0].weight.register_hook(lambda grad, step=step: grad * math.inf if task.step == step else grad)
    with open_run(tmp_path / "many") as writer, pytest.raises(TrainingFailedError, match="in a row"):
        new_trainer(task, writer).fit()


def test_only_the_newest_checkpoints_and_the_best_stay(tmp_path: Path) -> None:
    task = line(max_checkpoints=2)
    with open_run(tmp_path / "run") as writer:
        new_trainer(task, writer).fit()
    names = [item.path.name for item in RunReader(tmp_path / "run").checkpoints() if item.verified]
    assert names == ["step-00000032.safetensors", "step-00000040.safetensors", "best.safetensors"]


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    task = line(max_steps=80)
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer)
        trainer.fit()
        newest, before = (item.path for item in reversed(RunReader(writer.root).checkpoints()[-3:-1]))
        data = bytearray(newest.read_bytes())
        data[len(data) // 2] ^= 1
        newest.write_bytes(data)
        loaded, complaints = load_newest(writer.layout)
    assert loaded is not None and loaded.file == before.name
    assert complaints == [f"{newest.name} is damaged or incomplete. Use another checkpoint."]


def test_a_damaged_checkpoint_takes_no_place_of_those_that_stay(tmp_path: Path) -> None:
    every = {"checkpoint_interval": 2, "max_checkpoints": 3}
    with open_run(tmp_path / "run") as writer:
        new_trainer(line(max_steps=40, **every), writer).fit()
        Layout(writer.root).checkpoint(40).write_bytes(b"torn")
    with open_run(tmp_path / "run", resume=True) as writer:
        loaded, _ = load_newest(writer.layout)
        assert loaded is not None and loaded.step == 32
        again = new_trainer(line(max_steps=64, **every), writer)
        again.restore(loaded, [])
        assert steps_saved(writer.layout)[0] == 40, "while it lies ahead it stays"
        again.fit()
        assert steps_saved(writer.layout) == [64, 48, 32]


class Measured(Line):
    """Takes back one number with its weights."""

    def load_state_dict(self, state):  # type: ignore[no-untyped-def]
        self.level = state["level"]


def test_a_checkpoint_of_another_tasks_state_is_refused_with_a_sentence(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        new_trainer(line(), writer).fit()
        loaded, _ = load_newest(writer.layout)
    assert loaded is not None
    with open_run(tmp_path / "run", resume=True) as writer:
        trainer = new_trainer(Measured(line().config), writer)
        with pytest.raises(RunDirectoryError, match="The checkpoint does not fit this run's model: 'level'"):
            trainer.restore(loaded, [])


def poison(task: Line, at: int, value: float) -> None:
    follow(task, {})
    honest = task.training_step

    def step(model: Any, batch: Any, knobs: Any) -> StepOutput:
        output = honest(model, batch, knobs)
        return StepOutput(output.loss * value, {}) if task.step == at else output

    task.training_step = step


def follow(task: Line, moved: dict[int, torch.Tensor]) -> None:
    """Keep the step under way in ``task.step`` and the weights before it in ``moved``."""
    honest = task.batch

    def batch(seed: int, step: int) -> Any:
        task.step = step
        moved[step] = task.model[0].weight.detach().clone()
        return honest(seed, step)

    task.batch = batch


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != name}


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


class Turning(Line):
    """Comes out worse with new data from the fourth epoch on, in each of its held-out files."""

    monitor = Monitor(metric="val_loss", reference="train_eval", files="val_loss_files")
    held_out = 4

    def evaluate(self, model, part):  # type: ignore[no-untyped-def]
        if part == "train":
            return {"train_eval": 1.0}
        self.epoch = getattr(self, "epoch", 0) + 1
        loss = 10.0 - self.epoch if self.epoch <= 4 else 2.0 + self.epoch
        return {"val_loss": loss, "val_loss_files": [loss + 0.3 * file for file in range(self.held_out)]}


def turning(**settings: Any) -> Turning:
    values = {"max_steps": 160, "batch_size": 8, "regularization": {"augmentation_expansion": 1}}
    return Turning(TrainingConfig.model_validate(values | settings))


def test_a_run_ends_after_its_sweet_spot_only_when_asked(tmp_path: Path) -> None:
    with open_run(tmp_path / "on") as writer:
        goes_on = new_trainer(turning(), writer)
        assert goes_on.fit() is State.COMPLETED
    assert goes_on.tracker.step == 160
    heard: list[Any] = []
    with open_run(tmp_path / "ends") as writer:
        ends = new_trainer(turning(stop_after_sweet_spot=True), writer, callback=heard.append)
        assert ends.fit() is State.COMPLETED
    assert ends.tracker.step < 160 and ends.plans.last.ends_epoch(ends.tracker.step)
    assert ends.tracker.best is not None and ends.tracker.best.step < ends.tracker.step
    assert heard[-1].total_epochs == ends.plans.last.epoch_of(ends.tracker.step)
    newest, _ = load_newest(Layout(tmp_path / "ends"))
    assert newest is not None and newest.state["tracker"]["step"] == ends.tracker.step


def test_a_run_resumed_where_it_was_to_end_ends_there(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        first = new_trainer(turning(stop_after_sweet_spot=True), writer)
        first.fit()
    newest, _ = load_newest(Layout(tmp_path / "run"))
    assert newest is not None
    with open_run(tmp_path / "run", resume=True) as writer:
        again = new_trainer(turning(stop_after_sweet_spot=True), writer)
        again.restore(newest, epochs=[])  # as if every line of the curves were lost
        again.fit()
    assert again.tracker.step == first.tracker.step < 160


def test_a_first_checkpoint_comes_early_and_the_next_in_its_time(tmp_path: Path) -> None:
    task = line(max_steps=16, checkpoint_interval=99)
    with open_run(tmp_path / "run") as writer:
        trainer: Trainer

        def half_a_minute_a_step() -> bool:
            trainer.archive.saved_at -= 30
            return False

        trainer = new_trainer(task, writer, half_a_minute_a_step)
        trainer.fit()
    saved = RunReader(tmp_path / "run").all_of("checkpoint")
    steps = [(event["step"], event["reason"]) for event in saved]
    assert steps[0] == (1, "interval") and steps[-1] == (16, "end") and len(steps) == 3
    assert 8 < steps[1][0] < 16, "five minutes after the first"


def test_a_save_that_the_disk_refuses_is_not_answered_as_done(tmp_path: Path) -> None:
    root = tmp_path / "run"
    with open_run(root) as writer:
        place = Layout(root).checkpoints
        asked = []

        def ask_once() -> bool:
            if not asked:
                asked.append(control.send(root, "save_now").id)
                assert control.wait_for(root, asked[0])  # acknowledged: the trainer finds it after this update
                shutil.rmtree(place, ignore_errors=True)
                place.write_text("not a directory")
            elif place.is_file() and control.wait_for(root, asked[0], "done", timeout_s=0):
                place.unlink()
                place.mkdir()
            return False

        new_trainer(line(max_steps=16, checkpoint_interval=99), writer, ask_once).fit()
        (answer,) = [one for one in writer.status.commands if one.id == asked[0]]
    assert answer.result == "refused" and "disk refused" in (answer.reason or "")


class Heavy(torch.optim.AdamW):
    """Takes its time over an update."""

    def step(self, *given: Any, **named: Any) -> Any:
        time.sleep(0.03)
        return super().step(*given, **named)


def test_the_time_of_a_step_is_that_of_the_whole_update(tmp_path: Path) -> None:
    task = line(max_steps=3)
    task.optimizer = Heavy
    with open_run(tmp_path / "run") as writer:
        new_trainer(task, writer).fit()
    assert all(event["step_time_s"] >= 0.03 for event in RunReader(tmp_path / "run").all_of("step"))


@pytest.mark.parametrize("held_out", [0, 1, 2])
def test_a_run_with_too_few_files_to_tell_never_ends_by_itself(tmp_path: Path, held_out: int) -> None:
    task = turning(stop_after_sweet_spot=True)
    task.held_out = held_out
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer)
        trainer.fit()
        said = writer.status.evidence.sweet_range
    assert trainer.tracker.step == 160
    assert said is not None and not said.certain and not said.behind and said.files == held_out


def test_what_is_saved_between_epochs_carries_no_error_of_another_moment(tmp_path: Path) -> None:
    task = line(max_steps=80)
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer, stop=lambda: writer.status.step >= 53)
        assert trainer.fit() is State.CANCELLED
    reader = RunReader(tmp_path / "run")
    saved = [*reader.checkpoints(), *reader.snapshots()]
    ends = {event["step"]: event for event in reader.events().events if event["event"] == "epoch"}
    measured = {}
    for one in saved:
        assert one.manifest is not None
        measured[one.manifest.step] = one.manifest.metrics
        if one.path.name != "best.safetensors":
            assert bool(one.manifest.metrics) == (one.manifest.step in ends), one.path.name
    assert 53 not in ends and measured[53] == {} and any(measured.values())


def test_the_time_left_is_told_once_the_pace_is_known_from_enough_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[int, float | None] = {}
    monkeypatch.setattr("engine.loop.planner.KNOWN_S", 0.0)
    task = line(max_steps=60)
    with open_run(tmp_path / "run") as writer:
        new_trainer(task, writer, callback=lambda _: told.setdefault(writer.status.step, writer.status.eta_s)).fit()
    assert [told[step] for step in range(1, KNOWN_STEPS)] == [None] * (KNOWN_STEPS - 1)
    assert all(told[step] is not None for step in range(KNOWN_STEPS, 61))
    monkeypatch.setattr("engine.loop.planner.KNOWN_S", 3600.0)
    with open_run(tmp_path / "other") as writer:
        new_trainer(line(max_steps=60), writer).fit()
        assert writer.status.eta_s is None, "many quick updates may still be one lucky moment"


def test_a_run_that_ends_says_how_it_went_and_one_that_goes_on_how_it_goes(tmp_path: Path) -> None:
    task = line(max_steps=80, learning_rate=0.05)
    with open_run(tmp_path / "run") as writer:
        new_trainer(task, writer, stop=lambda: writer.status.step >= 40).fit()
        ended = [one.message for one in writer.status.diagnosis]
    assert ended and not any("so far" in one or "is learning" in one for one in ended), ended
    heard: list[list[str]] = []
    with open_run(tmp_path / "run", resume=True) as writer:
        trainer = new_trainer(
            line(max_steps=80, learning_rate=0.05), writer,
            callback=lambda _: heard.append([one.message for one in writer.status.diagnosis]),
        )  # fmt: skip
        loaded, _ = load_newest(writer.layout)
        assert loaded is not None
        trainer.restore(loaded, finished_epochs(writer.layout, loaded.step))
        trainer.fit()
    assert heard[0] and heard[0] != ended, "at once, not with its next epoch"


def test_a_run_begun_again_claims_nothing_of_what_was_lost(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        new_trainer(line(max_steps=40), writer).fit()
        assert writer.status.best is not None and writer.status.diagnosis
    with open_run(tmp_path / "run", resume=True) as writer:  # as after a kill before its first checkpoint
        new_trainer(line(max_steps=40), writer, stop=lambda: writer.status.step >= 3).fit()
        assert (writer.status.best, writer.status.evidence, writer.status.diagnosis) == (None, None, [])


def test_a_stop_during_the_last_update_costs_no_preview(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(line(max_steps=45), writer)
        trainer.stop = lambda: trainer.tracker.step >= 45
        assert trainer.fit() is State.COMPLETED
        assert trainer.archive.has_previews(epoch=6, step=45), "their snapshot too"
    assert max(preview.step for preview in RunReader(tmp_path / "run").previews()) == 45


def test_previews_that_the_disk_refused_count_as_missing(tmp_path: Path) -> None:
    with open_run(tmp_path / "run") as writer:
        archive = new_trainer(line(), writer).archive
        in_the_way = writer.layout.preview(1, 8, "sample", 0, "npy").parent
        in_the_way.write_text("a file where the folder should be")
        archive.write_previews(archive.average.model, 1, 8, {})
        assert not archive.has_previews(1, 8)
        in_the_way.unlink()
        archive.write_previews(archive.average.model, 1, 8, {})
        assert archive.has_previews(1, 8)
    assert [preview.step for preview in RunReader(tmp_path / "run").previews()] == [8]


class CountsFits(Line):
    """Keeps the mean of its weights as what belongs to them, and counts how often it was fitted."""

    fits = 0
    mean = 0.0

    def prepare_snapshot(self, model):
        self.fits += 1
        self.mean = float(sum(weight.sum() for weight in model.parameters()))

    def state_dict(self):
        return {"mean": self.mean}


def test_what_belongs_to_weights_is_fitted_once_for_all_that_is_kept_of_them(tmp_path: Path) -> None:
    task = CountsFits(TrainingConfig(max_steps=40))
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer)
        archive, tracker, model = trainer.archive, trainer.tracker, trainer.average.model
        archive.write_previews(archive.average.model, 1, 1, {})
        tracker.step = 1
        assert task.fits == 1 and archive.save(tracker, 1, "test", {}) and task.fits == 1
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(1.0)
        tracker.step = 2
        assert archive.save(tracker, 1, "test", {}) and task.fits == 2
        loaded, _ = load_newest(writer.layout)
    assert loaded is not None
    assert loaded.state["task"]["mean"] == float(sum(weight.sum() for weight in model.parameters()))


def test_a_best_state_and_the_checkpoint_beside_it_each_keep_what_belongs_to_their_own_weights(tmp_path: Path) -> None:
    task = CountsFits(TrainingConfig(max_steps=40))
    with open_run(tmp_path / "run") as writer:
        trainer = new_trainer(task, writer)
        model = trainer.average.model
        best = float(sum(weight.sum() for weight in model.parameters()))
        trainer.archive.keep_best()
        trainer.tracker.best = BestEpoch("val_loss", value=1.0, raw=1.0, epoch=1, step=1, val_loss=1.0)
        with torch.no_grad():
            for weight in model.parameters():
                weight.add_(1.0)
        trainer.tracker.step = 2
        assert trainer.archive.save(trainer.tracker, 1, "test", {})
        loaded, _ = load_newest(writer.layout)
        kept = load(writer.layout.best)
    assert loaded is not None and kept["task"]["mean"] == best
    assert loaded.state["task"]["mean"] == float(sum(weight.sum() for weight in model.parameters()))


@pytest.mark.slow
def test_snapshots_stay_and_it_is_said_while_nobody_knows_which_have_a_star(tmp_path: Path) -> None:
    task = line(max_steps=8 * (MOST_SNAPSHOTS + 4), preview_interval=1, preview_interval_short=1)
    with open_run(tmp_path / "run") as writer:
        writer.layout.notes.write_text('{"starred": [8], "text": "half a li')
        new_trainer(task, writer).fit()
    reader = RunReader(tmp_path / "run")
    assert len(reader.snapshots()) > MOST_SNAPSHOTS
    status = reader.status()
    assert status is not None and any("not known which somebody wants kept" in one for one in status.warnings)


class Stopped(Line):
    """Somebody asks for its end while the first of three previews of its second epoch is made."""

    asked, made = False, 0

    def previews(self, model, epoch):
        for index in range(3):
            if epoch == 2:
                self.made, self.asked = self.made + 1, True
            yield Preview("table", "sample", {"npy": b"line"}, index)


def test_who_asks_for_the_end_waits_for_no_preview_and_the_next_session_makes_it(tmp_path: Path) -> None:
    config = line(preview_interval=1, preview_interval_short=1).config
    whole = Line(config)
    with open_run(tmp_path / "whole") as writer:
        new_trainer(whole, writer).fit()
    task, root = Stopped(config), tmp_path / "run"
    with open_run(root) as writer:
        trainer = new_trainer(task, writer, lambda: task.asked)
        assert trainer.fit() is State.CANCELLED
    stopped_at, reader = trainer.tracker.step, RunReader(root)
    assert task.made == 1 and stopped_at < 40, "one was under way when the end was asked for, and no other begun"
    assert not [one for one in reader.previews() if one.step == stopped_at]
    assert steps_saved(reader.layout)[0] == stopped_at
    with open_run(root, resume=True) as writer:
        loaded, _ = load_newest(writer.layout)
        assert loaded is not None
        second = Line(config)
        resumed = new_trainer(second, writer)
        resumed.restore(loaded, finished_epochs(writer.layout, loaded.step))
        assert resumed.fit() is State.COMPLETED
    assert {one.step for one in reader.previews()} == {one.step for one in RunReader(tmp_path / "whole").previews()}
    assert all(torch.equal(*pair) for pair in zip(weights(whole), weights(second), strict=True))
