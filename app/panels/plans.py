"""What a run would be, said before it starts: epochs, updates, minutes. The run keeps what is said here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.runs.library import Library
from engine.claims.length import beyond_need, in_words
from engine.config import MOST_UPDATES, TaskConfig, TrainingConfig
from engine.plan import Length
from engine.process.job import LIMITS
from engine.quantities import about, counted, duration, number
from engine.resolve import get_adaptive_split, resolve
from engine.rundir.liveness import is_here
from engine.rundir.record import FileRow, different_sounds
from engine.tasks import task_config

# Of the default model with one thread of a machine of two cores: what is said before anything has run here.
USUAL_STEPS_PER_S = 12.0
GUESS_OFF = 3  # times: how far a machine may be from it, or another load
LOOKED_BACK = 10
NO_MORE_NEEDED = "No limit is set: it ends there, because such a collection is measured to need no more."


class Pace(NamedTuple):
    """Updates a second, None while nothing is known of them. measured: by a run of this computer."""

    steps_per_s: float | None
    measured: bool


@dataclass(frozen=True)
class Coming:
    """The plan of a run that has not begun. ``length`` is exact but where minutes decide its length.

    steps_per_s: None while nothing is known of it. need: how its length stands to what is needed, as a sentence.
    measured: whether a run of this computer told of it; else it is a guess, and updates are said as a range.
    """

    length: Length
    minutes: float | None
    ceiling: int | None
    steps_per_s: float | None
    need: str | None = None
    measured: bool = True

    def __str__(self) -> str:
        epochs, steps = self.length.total_epochs, self.length.total_steps
        if self.minutes is None:
            said = f"{in_words(epochs, steps, self._seconds if self.measured else None)}{self._guessed}."
            return f"{said} {self.need}" if self.need else said
        if self.steps_per_s is None:
            return f"{duration(60 * self.minutes)}, as many updates as they hold."
        most = f" (at most {number(self.ceiling)})" if self.ceiling else ""
        updates = f"about {_rounded(steps)} updates in about {counted(epochs, 'epoch')}{most}"
        if not self.measured:
            updates = f"{_rounded(steps // GUESS_OFF)} to {_rounded(steps * GUESS_OFF)} updates, as fast as it is here"
        said = f"{duration(60 * self.minutes)}, {updates}."
        return f"{said} {self.need}" if self.need else said

    @property
    def _seconds(self) -> float | None:
        return self.length.total_steps / self.steps_per_s if self.steps_per_s else None

    @property
    def _guessed(self) -> str:
        """How long it may take where nothing has run here, as the end of a sentence."""
        if self.measured or self._seconds is None:
            return ""
        fast, slow = (
            about(seconds).removeprefix("about ") for seconds in (self._seconds / GUESS_OFF, self._seconds * GUESS_OFF)
        )
        return f", {fast} to {slow}, as fast as it is here"

    @property
    def too_short(self) -> str | None:
        """Why its minutes are too few, as a sentence; None where they hold an epoch."""
        if self.minutes is None or self.steps_per_s is None or self.length.total_steps >= self.length.steps_per_epoch:
            return None
        steps = self.length.steps_per_epoch
        return f"An epoch is {counted(steps, 'update')} here, about {duration(steps / self.steps_per_s)}."


def coming(
    config: TrainingConfig,
    own: TaskConfig,
    files: Sequence[FileRow],
    steps_per_s: float | None,
    measured: bool = True,
) -> Coming:
    """The plan for a collection whose files were looked at. config, own: what would be sent, of training and task."""
    return _laid_out(config, own, max(1, different_sounds(files)), own.num_items(files), Pace(steps_per_s, measured))


def coming_of_rows(
    config: TrainingConfig, own: TaskConfig, rows: int, steps_per_s: float | None, measured: bool = True
) -> Coming:
    """The plan for a table of ``rows``: to a row a class, as classes are divided one by one."""
    learned = rows - round((config.val_fraction or get_adaptive_split(rows)) * rows)
    return _laid_out(own.adapted(config), own, rows, max(1, learned), Pace(steps_per_s, measured))


def _laid_out(config: TrainingConfig, own: TaskConfig, count: int, items: int, pace: Pace) -> Coming:
    asked = any(name in config.model_fields_set and getattr(config, name) is not None for name in LIMITS)
    unlimited = own.need_measured and not asked
    config, steps_per_s = resolve(config, count, items), pace.steps_per_s
    timed = config.max_minutes is not None
    within = max(1, round(60 * config.max_minutes * steps_per_s)) if config.max_minutes and steps_per_s else None
    length = Length.of(config, items, within)
    by_time = timed and length.total_steps == (within or MOST_UPDATES)
    need = beyond_need(length.total_steps, items) if by_time and own.need_measured and pace.measured else None
    minutes = config.max_minutes if by_time else None
    return Coming(length, minutes, config.max_epochs, steps_per_s, NO_MORE_NEEDED if unlimited else need, pace.measured)


def pace_here(library: Library, task: str) -> Pace:
    """Updates a second of the newest run of ``task`` that this computer trained.

    Before there is any: the usual ones for sounds; None for what comes in all sizes.
    """
    for reader in library.readers()[:LOOKED_BACK]:
        run, status, sessions = reader.run(), reader.status(), reader.sessions()
        known = run is not None and run.task == task and bool(sessions) and is_here(sessions[-1])
        if known and status is not None and status.steps_per_s:
            return Pace(status.steps_per_s, measured=True)
    return Pace(USUAL_STEPS_PER_S if task_config(task).can.make_sounds else None, measured=False)


def _rounded(steps: int) -> str:
    """As fine as an estimate is: two figures."""
    digits = max(0, len(str(steps)) - 2)
    return number(round(steps, -digits))
