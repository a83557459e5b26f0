"""How far apart the largest and the smallest of several means come by chance: Tukey's studentised range.

Source: Tukey 1953, "The problem of multiple comparisons". Pure numpy; SciPy's ``studentized_range`` gives the same.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_POINTS, _FARTHEST, _HALVINGS = 240, 8.5, 40
_MOST = 256.0  # above the quantile for hundreds of means from two degrees of freedom


@cache
def range_quantile(means: int, freedom: int) -> float:
    """What the range of ``means`` equal means stays within in 95 % of samples, in standard errors of one mean.

    means: from 2. freedom: from 2, degrees of freedom of the standard error. Of two means it is √2 times Student's
    quantile.
    """
    low, high = 0.0, _MOST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if _chance(middle, means, freedom) < 0.95 else (low, middle)
    return high


def _chance(most: float, means: int, freedom: int) -> float:
    """That the range is at most ``most``: over where the largest mean lies, and over the measured scatter."""
    scatter = np.linspace(1e-9, 1 + 6 / math.sqrt(freedom), _POINTS)
    largest = np.linspace(-_FARTHEST, _FARTHEST, _POINTS)
    log_constant = math.log(2) + freedom / 2 * math.log(freedom / 2) - math.lgamma(freedom / 2)
    density = np.exp(log_constant + (freedom - 1) * np.log(scatter) - freedom * scatter**2 / 2)
    bell = means * np.exp(-(largest**2) / 2) / math.sqrt(2 * math.pi)
    within = _normal(largest)[None] - _normal(largest[None] - most * scatter[:, None])
    of_scatter = np.trapezoid(bell * within ** (means - 1), largest, axis=1)
    return float(np.trapezoid(density * of_scatter, scatter))


def _normal(at: Floats) -> Floats:
    """The normal distribution function, by straight lines between 8,193 points."""
    points, values = _table()
    found: Floats = np.interp(at, points, values)
    return found


@cache
def _table() -> tuple[Floats, Floats]:
    points = np.linspace(-_FARTHEST, _FARTHEST, 8193)
    return points, np.array([0.5 * math.erfc(-point / math.sqrt(2)) for point in points])
