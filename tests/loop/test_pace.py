"""What a run is measured to cost, and how many updates its minutes hold."""

from __future__ import annotations

import time

import pytest
import torch

from engine.config import TrainingConfig
from engine.loop.intervals import Intervals
from engine.loop.pace import Costs, measure, seconds_to_end, steps_for_minutes
from engine.loop.plan_history import PlanSegment
from engine.plan import Length
from tests.toy import Line


class Slow(Line):
    """Updates of at least 10 ms, checks of at least 50 ms."""

    def training_step(self, model, batch, knobs):
        time.sleep(0.01)
        return super().training_step(model, batch, knobs)

    def evaluate(self, model, part):
        time.sleep(0.025)
        return super().evaluate(model, part)


def line(kind: type[Line] = Line, **settings: object) -> Line:
    """A pass is eight steps."""
    wish = {"batch_size": 8, "max_minutes": 0.1, "regularization": {"augmentation_expansion": 1}}
    return kind(TrainingConfig.model_validate(wish | settings))


def test_of_a_run_with_minutes_all_but_the_previews_is_measured() -> None:
    task = line(Slow)
    costs = measure(task, Length.of(task.config, task.num_train))
    assert costs.step_s >= 0.01 and costs.epoch_s >= 0.05 and costs.preview_s == 0 and costs.save_s > 0


def test_of_one_without_every_part_is_measured() -> None:
    task = line(Slow, max_minutes=None, max_steps=400)
    costs = measure(task, Length.of(task.config, task.num_train))
    assert costs.step_s >= 0.01 and costs.epoch_s >= 0.05 and costs.preview_s > 0 and costs.save_s > 0


def test_of_a_short_run_only_the_updates_are_measured() -> None:
    task = line(Slow, max_steps=20)
    costs = measure(task, Length.of(task.config, task.num_train))
    assert costs.step_s >= 0.01 and costs.epoch_s == costs.preview_s == costs.save_s == 0


def test_measuring_leaves_the_model_as_it_was() -> None:
    task = line()
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    measure(task, Length.of(task.config, task.num_train))
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def steps(minutes: float, **costs: float) -> int:
    task = line(max_minutes=minutes)
    return steps_for_minutes(task.config, task.num_train, Costs(**costs))


def test_the_length_follows_from_the_costs() -> None:
    free = steps(10 / 60, step_s=0.1)
    assert free == 100, "half an epoch at the end is worth its check"
    assert steps(9.71 / 60, step_s=0.1) == 96, "one step of a last epoch is not"
    dear = steps(10 / 60, step_s=0.1, epoch_s=0.8)
    assert 40 <= dear <= 50, "an epoch of eight steps costs as much again for its check"
    assert steps(0.001 / 60, step_s=1.0, epoch_s=1.0, preview_s=1.0, save_s=1.0) == 1


def test_what_is_left_counts_checks_previews_saves_and_the_end() -> None:
    segment = PlanSegment(step=0, total_steps=20, progress=0.0, epoch=0, epoch_ends=0, steps_per_epoch=8)
    costs = Costs(step_s=1.0, epoch_s=100.0, preview_s=1000.0, save_s=10_000.0)
    every = Intervals(preview=2, save=1)
    # Three epochs (8, 16, 20), previews before the first step, after the second epoch, at the end and
    # of the best one, three saves.
    assert seconds_to_end(segment, 0, every, costs) == 20 + 3 * 100 + 4 * 1000 + 3 * 10_000
    assert seconds_to_end(segment, 8, every, costs) == 12 + 2 * 100 + 3 * 1000 + 2 * 10_000
    assert seconds_to_end(segment, 9, every, costs) == 11 + 2 * 100 + 3 * 1000 + 2 * 10_000
    assert seconds_to_end(segment, 16, every, costs) == pytest.approx(4 + 100 + 2000 + 10_000)
