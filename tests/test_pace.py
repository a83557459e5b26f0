"""How many updates are planned for the minutes that a user has."""

from __future__ import annotations

import time

import torch

from engine.config import TrainingConfig, plan
from engine.pace import _solve, steps_for_minutes
from tests.toy import Line


class Slow(Line):
    """Updates of at least 10 ms, checks of at least 50 ms."""

    def training_step(self, model, batch, knobs):
        time.sleep(0.01)
        return super().training_step(model, batch, knobs)

    def evaluate(self, model, part):
        time.sleep(0.025)
        return super().evaluate(model, part)


def line(kind: type[Line] = Line) -> Line:
    """Epochs of eight steps."""
    return kind(TrainingConfig(batch_size=8, regularization={"augmentation_expansion": 1}))


def test_the_plan_counts_updates_checks_previews_and_saves() -> None:
    task = line(Slow)
    steps = steps_for_minutes(task, plan(task.config, task.num_train), 0.1)
    # Six seconds, of which an epoch takes at least 8 x 10 ms and 50 ms: at most 46 epochs.
    assert 0 < steps <= 6 / 0.13 * 8


def test_timing_leaves_the_model_as_it_was() -> None:
    task = line()
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    steps_for_minutes(task, plan(task.config, task.num_train), 0.01)
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_steps_follow_from_the_costs() -> None:
    task = line()
    layout = plan(task.config, task.num_train)
    free = _solve(task.config, layout, 10.0, step_s=0.1, epoch_s=0.0, preview_s=0.0, save_s=0.0)
    assert free == 100, "half an epoch at the end is worth its check"
    short = _solve(task.config, layout, 9.71, step_s=0.1, epoch_s=0.0, preview_s=0.0, save_s=0.0)
    assert short == 96, "one step of a last epoch is not"
    dear = _solve(task.config, layout, 10.0, step_s=0.1, epoch_s=0.8, preview_s=0.0, save_s=0.0)
    assert 40 <= dear <= 50, "an epoch of eight steps costs as much again for its check"
    assert _solve(task.config, layout, 0.001, step_s=1.0, epoch_s=1.0, preview_s=1.0, save_s=1.0) == 1
