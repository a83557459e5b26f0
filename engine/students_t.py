"""Student's t, for who must not wait for numpy. Source: Student 1908."""

from __future__ import annotations

import math
from functools import cache

_SURE = 0.95
_MOST, _HALVINGS = 1e6, 60


@cache
def quantile(freedom: int, intervals: int = 1) -> float:
    """Half the width of a 95 % interval in standard errors, by Student's t, for ``freedom`` from 2.

    intervals: how many of them are to hold all at once with that probability (Bonferroni's inequality, which asks
    nothing of how they depend on one another; Dunn 1961). To the third digit.
    """
    least = 1 - (1 - _SURE) / intervals
    low, high = 0.0, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _within(middle, freedom) < least else (low, middle)
    return round(high, 3)


def _within(most: float, freedom: int) -> float:
    """The chance of a t from ``-most`` to ``most``. Source: Abramowitz and Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan(most / math.sqrt(freedom))
    odd = freedom % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for k in range(1 + odd, freedom, 2):
        total += term
        term *= math.cos(angle) ** 2 * k / (k + 1)
    return 2 / math.pi * (angle + math.sin(angle) * total) if odd else math.sin(angle) * total
