"""Which epochs are heard: what their cost allows, the first ones closer together, the same ones after a resume."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as some

from engine.loop.checkpoint import load, load_newest
from engine.loop.intervals import FEWEST, Intervals, preview_every
from engine.loop.pace import Costs, planned_seconds, spaced
from engine.loop.snapshot import load_snapshot
from engine.loop.trainer import Trainer
from engine.plan import Length
from engine.process.job import without_limits
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests.loop.test_trainer import line, open_run
from tests.toy import Line

LENGTH = Length(steps_per_epoch=8, total_steps=320)


def heard(intervals: Intervals, total: int) -> list[int]:
    return [epoch for epoch in range(1, total + 1) if intervals.heard(epoch)]


@given(total=some.integers(9, 3000), affordable=some.floats(0, 100), asked=some.sampled_from([2, 5]))
def test_a_run_has_the_moments_it_can_afford_or_the_fewest(total: int, affordable: float, asked: int) -> None:
    every = preview_every(asked, total, affordable)
    count = Intervals(every, 1, eager=every > asked).moments(total)
    assert min(8, Intervals(asked, 1).moments(total)) <= count <= max(FEWEST, affordable)
    if every > asked:  # and none is left out that could be afforded
        closer = Intervals(max(asked, every - max(2, every // 8)), 1, eager=True).moments(total)
        assert closer >= max(FEWEST, affordable) - 1


def test_previews_take_two_hundredths_of_the_time() -> None:
    config, costs = line(max_steps=8 * 400).config, Costs(step_s=0.1, epoch_s=0.1, preview_s=0.3, save_s=0.1)
    length = spaced(replace(LENGTH, total_steps=8 * 400), config, costs)
    all_s, silent_s = (planned_seconds(length, config, replace(costs, preview_s=each)) for each in (0.3, 0.0))
    assert 0.015 < 1 - silent_s / all_s <= 0.02
    free = config.model_copy(update={"preview_share": 1.0})
    assert 1 - silent_s / planned_seconds(spaced(length, free, costs), free, costs) > 0.05, "unbounded they take more"


@given(every=some.integers(1, 300), total=some.integers(1, 1000))
def test_moments_come_closer_together_at_first_and_never_farther_apart_than_said(every: int, total: int) -> None:
    intervals = Intervals(every, 1, eager=True)
    epochs = heard(intervals, total)
    gaps = [after - before for before, after in pairwise([0, *epochs])]
    assert gaps[1:] == sorted(gaps[1:]) and all(gap <= every for gap in gaps)
    assert total - max(epochs, default=0) < every, "what is left after the last of them is shorter"
    assert intervals.previews_to(total) == len(epochs)


def intervals_of(**settings: int) -> Intervals:
    config, dear = line(max_steps=320, **settings).config, Costs(step_s=0.01, preview_s=1000.0)
    return Intervals.of(config, spaced(LENGTH, config, dear))


def test_what_a_user_asked_for_is_obeyed_whatever_it_costs() -> None:
    assert intervals_of().eager and len(heard(intervals_of(), 40)) < 8
    assert heard(intervals_of(preview_interval_short=3), 40) == list(range(3, 41, 3))
    assert heard(intervals_of(preview_interval=3), 40) == list(range(2, 41, 2)), "of runs of 50 epochs"


def test_an_interval_over_saved_settings_takes_their_bound_away() -> None:
    saved = line().config.model_dump()
    assert saved["preview_share"] == 0.02 and without_limits(saved, {})["preview_share"] == 0.02
    assert "preview_share" not in without_limits(saved, {"preview_interval": 3})


def moments(root: Path) -> list[int]:
    return sorted({one.step for one in RunReader(root).previews()})


def train(root: Path, length: Length, stop_at: int | None = None, *, resume: bool = False) -> Trainer:
    task = line(max_steps=length.total_steps)
    # What a preview costs by the clock of this session: it decides nothing any more.
    with open_run(root, resume=resume) as writer:
        trainer = Trainer(task, length, writer, lambda: False, costs=Costs(0.01, 0.01, 50.0 if resume else 0.01, 0.01))
        if resume:
            loaded, _ = load_newest(writer.layout)
            assert loaded is not None
            trainer.restore(loaded, [])
        trainer.stop = lambda: trainer.tracker.step == stop_at
        assert trainer.fit() is (State.COMPLETED if stop_at is None else State.CANCELLED)
    return trainer


@pytest.mark.slow
def test_a_resumed_run_hears_the_epochs_that_were_decided_whatever_a_preview_costs_now(tmp_path: Path) -> None:
    length = spaced(LENGTH, line(max_steps=320).config, Costs(0.01, 0.01, 0.005, 0.01))
    assert length.preview_every != 2, "not what the settings say"
    train(tmp_path / "whole", length)
    train(tmp_path / "run", length, 100)
    train(tmp_path / "run", length, resume=True)
    assert moments(tmp_path / "run") == moments(tmp_path / "whole")
    assert len(moments(tmp_path / "run")) > FEWEST


class Worsens(Line):
    """Best after its fourth epoch: the error that is measured is the distance from there."""

    measured = 0

    def evaluate(self, model, part):
        self.measured += part == "val"
        return {"val_loss": 1.0 + abs(self.measured - 4)} if part == "val" else {"train_eval": 1.0}


def test_the_best_epoch_is_heard_though_its_moment_lies_between_two(tmp_path: Path) -> None:
    task = Worsens(line(max_steps=320).config)
    with open_run(tmp_path / "run") as writer:
        trainer = Trainer(task, replace(LENGTH, preview_every=30), writer, lambda: False)
        assert trainer.fit() is State.COMPLETED
        best = trainer.tracker.best
    assert best is not None and 1 < best.epoch < 10 and not trainer.planner.intervals.heard(best.epoch)
    layout = Layout(tmp_path / "run")
    assert best.step in moments(tmp_path / "run")
    kept = load_snapshot(layout.snapshot(best.epoch, best.step))["average"]
    wanted = load(layout.best)["average"]
    assert all(torch.equal(value, wanted[name].half().float()) for name, value in kept.items())
