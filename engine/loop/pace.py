"""What a run costs in wall time: measured on a few throw-away updates before it begins, counted for any length."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from engine.config import MOST_UPDATES, TrainingConfig, get_effective_preview_interval
from engine.loop.checkpoint import WeightAverage
from engine.loop.intervals import EARLY_PREVIEWS, Intervals, preview_every
from engine.loop.plan_history import PlanSegment
from engine.loop.ranks import ONE, Ranks
from engine.loop.state_file import serialise
from engine.loop.update import backward, new_optimizer
from engine.plan import Length
from engine.run_length import MOST_STEPS_PER_EPOCH
from engine.task import Task

WARM_STEPS = 3
MOST_STEPS = 15
MOST_SECONDS = 6.0
SHORT_RUN_STEPS = 200
PREVIEW_PART = 0.1  # of the time left of a run with minutes: what previews may take that are not its last


@dataclass(frozen=True)
class Costs:
    """Seconds of one update, one check of both sides, the previews of one moment, one checkpoint."""

    step_s: float = 0.0
    epoch_s: float = 0.0
    preview_s: float = 0.0
    save_s: float = 0.0


def lay_out(
    task: Task, check: Callable[[], None], ranks: Ranks = ONE, elapsed_s: Callable[[], float] = lambda: 0.0
) -> tuple[Length, Costs]:
    """How long a run is to be, and what its parts cost. ``check`` raises when it is to stop meanwhile.

    elapsed_s: how long the run has been prepared for; asked at the end, as measuring is part of that.
    """
    length = Length.of(task.config, task.num_train)
    costs = measure(task, length, ranks)
    check()
    if task.config.max_minutes is not None:
        steps = steps_for_minutes(task.config, task.num_train, costs, elapsed_s())
        length = Length.of(task.config, task.num_train, steps)
    return spaced(length, task.config, costs), costs


def spaced(length: Length, config: TrainingConfig, costs: Costs) -> Length:
    """``length`` with the epochs between its previews that keep them within their share; where their cost was not
    measured, or any is allowed, those that ``config`` asks for."""
    asked, share = get_effective_preview_interval(config, length.total_epochs), config.preview_share or 1.0
    if share == 1.0 or costs.preview_s == 0.0:
        return replace(length, preview_every=asked)
    silent = replace(costs, preview_s=0.0)
    usual_s = seconds_to_end(PlanSegment.first(length), 0, Intervals(asked, config.checkpoint_interval), silent)
    affordable = share / (1 - share) * usual_s / costs.preview_s
    return replace(length, preview_every=preview_every(asked, length.total_epochs, affordable))


def seconds_to_end(segment: PlanSegment, step: int, intervals: Intervals, costs: Costs) -> float:
    """What is left after ``step`` to the end of ``segment``: updates, and the checks, previews, saves of its epochs.

    The check of an epoch that ends with ``step`` itself counts as done.
    """
    done = segment.epoch_of(step) - (0 if step == 0 or segment.ends_epoch(step) else 1)
    last = segment.total_epochs
    previews = intervals.previews_to(last) - intervals.previews_to(done)
    final = (1 + intervals.best) * int(step < segment.total_steps)  # the end's and the best epoch's
    previews += final - (intervals.heard(last) and final > 0)
    previews += sum(step < early < segment.total_steps for early in EARLY_PREVIEWS) + (step == 0)
    saves = last // intervals.save - done // intervals.save + (last % intervals.save > 0)
    counted = (segment.total_steps - step, costs.step_s), (last - done, costs.epoch_s), (saves, costs.save_s)
    least = sum(count * each for count, each in (*counted, (final, costs.preview_s)))
    if intervals.timed and not affordable(costs.preview_s, least):
        return least
    return least + (previews - final) * costs.preview_s


def affordable(preview_s: float, left_s: float) -> bool:
    """Whether a run with minutes that has ``left_s`` makes previews that are not its last."""
    return preview_s <= PREVIEW_PART * left_s


def seconds_to_train(minutes_s: float, prepared_s: float) -> float:
    """What ``minutes_s`` leave after a preparation of ``prepared_s``: half of them at least, or nothing is learnt."""
    return max(minutes_s - prepared_s, minutes_s / 2)


def planned_seconds(length: Length, config: TrainingConfig, costs: Costs) -> float:
    """What a whole run takes."""
    return seconds_to_end(PlanSegment.first(length), 0, Intervals.of(config, length), costs)


def steps_for_minutes(config: TrainingConfig, num_train: int, costs: Costs, prepared_s: float = 0.0) -> int:
    """The most updates whose run takes ``config.max_minutes`` of wall time with all that belongs to it, as
    :func:`seconds_to_train` divides them; at least 1."""
    assert config.max_minutes is not None

    def seconds(steps: int) -> float:
        return planned_seconds(spaced(Length.of(config, num_train, steps), config, costs), config, costs)

    low = most_that_fit(seconds, seconds_to_train(60 * config.max_minutes, prepared_s), 1, costs.step_s)
    # A last epoch of a few updates would check for little: end on a whole one when one is near.
    size = Length.of(config, num_train, low).steps_per_epoch
    rest = low % size
    return low - rest if rest < 0.2 * size <= 0.2 * MOST_STEPS_PER_EPOCH and low > rest else low


def most_that_fit(seconds: Callable[[int], float], budget_s: float, least: int, step_s: float) -> int:
    """The largest number from ``least`` on whose ``seconds`` stay within the budget."""
    low, high = least, least + min(MOST_UPDATES, int(max(0.0, budget_s) / max(step_s, 1e-6)))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if seconds(middle) <= budget_s else (low, middle - 1)
    return low


def measure(task: Task, length: Length, ranks: Ranks = ONE) -> Costs:
    """What the parts of a run cost now; of one too short for more to matter, only its updates. Of one with minutes no
    previews: on a busy machine they take a quarter of one, and those before its first update tell, with sounds to hear.

    The task is left as it was: every draw is a function of the step, and weights and state are put back.
    """
    before, state = copy.deepcopy((task.model.state_dict(), task.state_dict()))
    short = length.total_steps < SHORT_RUN_STEPS
    costs = Costs(_step_seconds(task, 1 if short else MOST_STEPS, ranks))
    if not short:
        average = WeightAverage(task.model)
        epoch_s = _seconds(lambda: (task.evaluate(average.model, "train"), task.evaluate(average.model, "val")))
        prepare_s = _seconds(lambda: task.prepare_snapshot(average.model))
        timed = task.config.max_minutes is not None
        preview_s = 0.0 if timed else prepare_s + _seconds(lambda: list(task.previews(average.model, 1)))
        save_s = 2 * prepare_s + _seconds(lambda: [serialise(task.model.state_dict()) for _ in range(4)])
        costs = Costs(costs.step_s, epoch_s, preview_s, save_s)
    task.model.load_state_dict(before)
    task.load_state_dict(state)
    return costs


def _step_seconds(task: Task, most: int, ranks: Ranks) -> float:
    """The median time of an update, after a few that warm up."""
    optimizer = new_optimizer(task)
    times: list[float] = []
    while len(times) < WARM_STEPS + 2 or (len(times) < most and sum(times) < MOST_SECONDS):
        step = len(times) + 1
        times.append(_seconds(lambda step=step: _update(task, optimizer, step, ranks)))  # type: ignore[misc]
    settled = sorted(times[WARM_STEPS:])
    return settled[len(settled) // 2]


def _update(task: Task, optimizer: torch.optim.Optimizer, step: int, ranks: Ranks) -> None:
    backward(task, optimizer, step, task.schedule(step, 0.0), ranks)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began
