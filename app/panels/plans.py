"""What a run would be, said before it starts: epochs, updates, minutes. The run keeps what is said here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.look import words
from app.runs.library import Library
from engine.config import TaskConfig, TrainingConfig, resolve
from engine.plan import Plan, in_words, plan
from engine.rundir.liveness import is_here
from engine.rundir.schema import FileRow

# Of the default model with one thread of a machine of two cores: what is said before anything has run here.
USUAL_STEPS_PER_S = 12.0
LOOKED_BACK = 10


@dataclass(frozen=True)
class Coming:
    """The plan of a run that has not begun. ``plan`` is exact but where minutes decide its length."""

    plan: Plan
    minutes: float | None
    ceiling: int | None
    steps_per_s: float

    def __str__(self) -> str:
        epochs, steps = self.plan.total_epochs, self.plan.total_steps
        if self.minutes is None:
            return f"{in_words(epochs, steps, steps / self.steps_per_s)}."
        most = f" (at most {words.number(self.ceiling)})" if self.ceiling else ""
        return f"{words.duration(60 * self.minutes)}, about {_rounded(steps)} updates in about {epochs} epochs{most}."


def coming(config: TrainingConfig, own: TaskConfig, files: Sequence[FileRow], steps_per_s: float) -> Coming:
    """The plan for a collection whose files were looked at. config, own: what would be sent, of training and task."""
    items = own.num_items(files)
    usable = sum(row.verdict != "skipped" for row in files)
    config = resolve(config, max(1, usable), items)
    within = None if config.max_minutes is None else max(1, round(60 * config.max_minutes * steps_per_s))
    layout = plan(config, items, within)
    by_time = within is not None and layout.total_steps == within
    return Coming(layout, config.max_minutes if by_time else None, config.max_epochs, steps_per_s)


def pace_here(shelf: Library, task: str) -> float:
    """Updates a second of the newest run of ``task`` that this computer trained; the usual ones before there is any."""
    for reader in shelf.readers()[:LOOKED_BACK]:
        run, status, sessions = reader.run(), reader.status(), reader.sessions()
        known = run is not None and run.task == task and bool(sessions) and is_here(sessions[-1])
        if known and status is not None and status.steps_per_s:
            return status.steps_per_s
    return USUAL_STEPS_PER_S


def _rounded(steps: int) -> str:
    """As fine as an estimate is: two figures."""
    digits = max(0, len(str(steps)) - 2)
    return words.number(round(steps, -digits))
