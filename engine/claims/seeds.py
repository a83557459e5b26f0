"""What settings come to over several seeds, and whether two of them differ by more than seeds do.

Runs that differ in their seed alone are one sample of their settings. Their scatter is pooled over all settings, as in
an analysis of variance, since two seeds each say little of it. The best of several settings is held against all others,
and the best of many that are alike looks better than it is: so intervals are Tukey's (1953; with unequal numbers of
seeds Kramer's, 1956), wide enough for all pairs together. Where settings are alike, any is called better at most one
time in twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.claims.comparison import plus_minus
from engine.claims.figures import figure, give_or_take
from engine.claims.studentised_range import range_quantile
from engine.printable import unmarked
from engine.quantities import counted
from engine.rundir.record import Monitor

LEAST_FREEDOM = 2  # a single repetition says next to nothing: for two settings the interval is 12.7 standard errors


@dataclass(frozen=True)
class OverSeeds:
    """Settings, and the best value of each run that had them; at least one, all finite."""

    name: str
    values: Sequence[float]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None of a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    def shown(self, unit: str) -> str:
        """ "4.2 ± 0.3 dB"; of a single run its figure alone."""
        return figure(self.mean, unit) if self.spread is None else give_or_take(self.mean, self.spread, unit)


def pooled(groups: Sequence[OverSeeds]) -> tuple[float, int] | None:
    """The scatter between seeds of the same settings, and its degrees of freedom; None with too few repetitions."""
    freedom = sum(len(one.values) - 1 for one in groups)
    if freedom < LEAST_FREEDOM:
        return None
    squares = sum((len(one.values) - 1) * (one.spread or 0.0) ** 2 for one in groups)
    return math.sqrt(squares / freedom), freedom


def alone_in_words(only: OverSeeds, unit: str) -> str:
    """What settings come to that are held against no others; their name stands between asterisks."""
    return f"*{unmarked(only.name)}* comes to {only.shown(unit)} over {counted(len(only.values), 'run')}."


def in_words(groups: Sequence[OverSeeds], monitor: Monitor) -> list[str]:
    """The best settings against each of the others; names stand between asterisks. Empty with too few repetitions."""
    scatter = pooled(groups)
    if scatter is None or len(groups) < 2:
        return []
    sign = 1 if monitor.better == "lower" else -1
    best, *others = sorted(groups, key=lambda one: sign * one.mean)
    deviation, freedom = scatter
    allowed = range_quantile(len(groups), freedom) * deviation
    return [_difference(best, other, allowed, monitor.unit) for other in others]


def _difference(best: OverSeeds, other: OverSeeds, allowed: float, unit: str) -> str:
    """allowed: how far apart means of one seed each come by chance."""
    by = abs(other.mean - best.mean)
    interval = allowed * math.sqrt((1 / len(best.values) + 1 / len(other.values)) / 2)
    said = plus_minus(by, interval, unit)
    first, second = (f"*{unmarked(one.name)}*" for one in (best, other))
    runs = counted(len(best.values) + len(other.values), "run")
    if by > interval:
        return f"{first} is {said} better than {second}, over {runs}."
    return f"{first} and {second} cannot be told apart over {runs}: they differ by {said}."
