"""How often the parts of a run come, and so what share of its time they take."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from engine.loop.intervals import Intervals
from engine.loop.pace import Costs, seconds_to_end, spaced
from engine.loop.trainer import Trainer
from engine.plan import Length
from tests.bench.ratios import Samples, cpu_s, median
from tests.bench.training import train_step, training

STEPS = 20


@contextmanager
def begun() -> Iterator[Trainer]:
    """A run on the demo after a few updates."""
    with tempfile.TemporaryDirectory() as place, training("demo", Path(place) / "run") as trainer:
        for _ in range(STEPS):
            train_step(trainer)
        yield trainer


def usual(trainer: Trainer) -> dict[str, Callable[[], float]]:
    """An update, and the check at the end of an epoch."""

    def check() -> None:
        for part in ("train", "val"):
            trainer.task.evaluate(trainer.average.model, part)

    return {"step": lambda: cpu_s(trainer._step, STEPS), "check": lambda: cpu_s(check)}


def share(trainer: Trainer, found: Samples, part: str) -> float:
    """Of the time of the whole run, what ``part`` ("preview" or "save") takes, as often as a run has it here."""
    segment, usual = trainer.plans.last, Costs(step_s=median(found, "step"), epoch_s=median(found, "check"))
    measured = replace(usual, preview_s=median(found, part)) if part == "preview" else usual
    length = spaced(Length(segment.steps_per_epoch, segment.total_steps), trainer.config, measured)
    intervals = Intervals.of(trainer.config, length)
    usual_s = seconds_to_end(segment, 0, intervals, usual)
    costs = Costs(preview_s=median(found, part)) if part == "preview" else Costs(save_s=median(found, part))
    extra_s = seconds_to_end(segment, 0, intervals, costs)
    return extra_s / (usual_s + extra_s)
