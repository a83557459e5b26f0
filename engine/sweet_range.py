"""The sweet range: the epochs whose errors on held-out files the files' scatter cannot tell from those of the best."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SweetRange:
    """Epochs compared with the best one file by file.

    best: epoch of the lowest smoothed error. first, last: the ends of the range. files: held-out files compared.
    certain: False with one or two held-out files, which cannot tell. behind: evidence, in pairs, that the present epoch
    is worse than the best. worse_by: mean paired difference now minus best, in the metric's unit. give_or_take: its
    standard error.
    """

    best: int
    first: int
    last: int
    files: int
    certain: bool
    behind: bool
    worse_by: float | None
    give_or_take: float | None
