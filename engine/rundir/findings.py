"""What the curves of a run showed, and what follows from it: parts of status.json and of epoch events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from engine.rundir.protocol import Record


@dataclass(frozen=True)
class SweetRange:
    """The epochs that held-out files cannot tell from the best one; see :mod:`engine.sweet_range`. Epochs from 1."""

    best: int
    """The epoch of the best smoothed metric."""
    first: int
    last: int
    """First and last epoch whose errors, file by file against those of ``best``, do not differ beyond their scatter."""
    files: int
    """Held-out files compared, copies of one sound counted once; 0 where the task tells none apart."""
    certain: bool
    """False with fewer than three of them: it cannot tell."""
    behind: bool
    """Whether the range lies behind: at least five epochs, and a tenth of all, came after ``last``. Never without
    certainty."""
    worse_by: float | None = None
    """The mean paired difference, the present epoch's error minus that of ``best``, in the metric's unit."""
    standard_error: float | None = None
    """Of ``worse_by``."""
    optimism: float | None = None
    """By how much the error of ``best`` flatters, for the files that measure it also chose it; None if uncertain."""


class Evidence(Record):
    """What the curves showed at the last finished epoch: the figures that every sentence on learning is made from.

    Figures are of the monitored metric, in its unit, on new items; ``own``: on those it learns from. Differences are
    between means of three epochs, which do not lag behind as smoothed figures do; noise is the standard deviation that
    the jitter of the curve alone gives such a difference.
    """

    epoch: int
    files: int = Field(
        default=0, description="Held-out files, copies counted once where the task tells them apart; 0: not counted."
    )
    sweet_range: SweetRange | None = Field(
        default=None, description="As the event of that epoch has it; None as long as no epoch gave a number."
    )
    now: float = Field(description="Of the last epoch, as its event has it.")
    own: float | None = None
    smoothed: float
    own_smoothed: float | None = None
    best: float | None = Field(default=None, description="Of the best epoch, as its event has it.")
    best_standard_error: float | None = Field(default=None, description="Its standard error over the held-out files.")
    standard_error: float | None = Field(default=None, description="The standard error of ``now``.")
    worse_by: float | None = Field(
        default=None, description="How much worse than the best, by the curve alone; negative is better."
    )
    own_better_by: float | None = Field(default=None, description="How much its own came out better since the best.")
    own_noise: float = 0.0
    late_gain: float | None = Field(default=None, description="How much new ones came out better in the last fifth.")
    noise: float = 0.0
    moved: int | None = Field(default=None, description="The last epoch that brought notable progress on new ones.")
    left: float | None = Field(default=None, description="The part of the first epoch's error that is left.")
    gap: float | None = Field(default=None, description="The overfitting gap now.")
    best_gap: float | None = Field(default=None, description="The overfitting gap at the best epoch.")

    @property
    def best_epoch(self) -> int | None:
        """None as long as no epoch gave a number."""
        return self.sweet_range.best if self.sweet_range else None


class Diagnosis(Record):
    """One thing worth telling, in words a musician understands."""

    code: str
    severity: Literal["info", "good", "warning", "error"]
    message: str
    since_epoch: int | None = None
    file: str | None = Field(default=None, description="The recording it speaks of, as dataset.json calls it.")
    label: str = Field(default="", description="What a badge calls it.")
    judges: bool = Field(default=True, description="Whether it may be the verdict.")
    memorises: bool = Field(default=False, description="Whether it says that the run learns by heart.")
