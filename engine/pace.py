"""How many updates fit into the minutes a user has: times a few throw-away steps before a run is laid out."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch

from engine.checkpoint import WeightAverage, serialise
from engine.config import MAX_STEPS_PER_EPOCH, Plan, TrainingConfig, fix, get_effective_preview_interval
from engine.task import Task
from engine.trainer import EARLY_PREVIEWS
from engine.update import new_optimizer, optimise

WARM_STEPS = 3
MOST_STEPS = 15
MOST_SECONDS = 6.0


def steps_for_minutes(task: Task, plan: Plan, minutes: float) -> int:
    """Updates that take about ``minutes`` of wall time, validation, previews and saving included; at least 1.

    The task is left as it was: every draw is a function of the step, and weights and state are put back.
    """
    before, state = copy.deepcopy((task.model.state_dict(), task.state_dict()))
    step_s = _step_seconds(task)
    average = WeightAverage(task.model)
    epoch_s = _seconds(lambda: (task.evaluate(average.model, "train"), task.evaluate(average.model, "val")))
    prepare_s = _seconds(lambda: task.prepare_snapshot(average.model))
    preview_s = prepare_s + _seconds(lambda: list(task.previews(average.model, 1)))
    save_s = 2 * prepare_s + _seconds(lambda: [serialise(task.model.state_dict()) for _ in range(4)])
    task.model.load_state_dict(before)
    task.load_state_dict(state)
    return _solve(task.config, plan, 60 * minutes, step_s, epoch_s, preview_s, save_s)


def _solve(
    config: TrainingConfig, plan: Plan, budget_s: float, step_s: float, epoch_s: float, preview_s: float, save_s: float
) -> int:
    """The largest number of steps whose cost stays within the budget."""

    def cost(steps: int) -> float:
        layout = Plan(plan.expansion, plan.batch_size, plan.steps_per_epoch, steps)
        epochs = layout.total_epochs
        previews = epochs // get_effective_preview_interval(fix(config, layout)) + 1
        previews += sum(0 < early < steps for early in EARLY_PREVIEWS)
        saves = epochs // config.checkpoint_interval + 1
        return steps * step_s + epochs * epoch_s + previews * preview_s + saves * save_s

    low, high = 1, 1 + int(budget_s / max(step_s, 1e-6))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= budget_s else (low, middle - 1)
    # A last epoch of a few steps would validate for little: end on a whole one when one is near.
    rest = low % plan.steps_per_epoch
    whole = low - rest
    near = rest < 0.2 * plan.steps_per_epoch and whole > 0 and plan.steps_per_epoch <= MAX_STEPS_PER_EPOCH
    return whole if near else low


def _step_seconds(task: Task) -> float:
    """The median time of an update, after a few that warm up."""
    optimizer = new_optimizer(task)
    times: list[float] = []
    while len(times) < WARM_STEPS + 2 or (len(times) < MOST_STEPS and sum(times) < MOST_SECONDS):
        step = len(times) + 1
        times.append(_seconds(lambda step=step: _update(task, optimizer, step)))  # type: ignore[misc]
    settled = sorted(times[WARM_STEPS:])
    return settled[len(settled) // 2]


def _update(task: Task, optimizer: torch.optim.Optimizer, step: int) -> None:
    knobs = task.schedule(step, 1000)
    optimise(task, optimizer, task.batch(task.config.seed, step), knobs)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
