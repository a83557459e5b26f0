"""The sweet range: which epochs the held-out files cannot tell from the best one, and whether it lies behind.

The files differ from one another by far more than one epoch differs from the next, so epochs are compared **in pairs**,
file by file. Three things would make a difference out of nothing, and are kept from doing so:

- The best of many epochs looks better than it is on the very files that chose it: by the ``optimism``, which is
  taken off every difference before it counts.
- The wobble of one epoch hits all files alike, which their scatter does not show: it is read off the curve (its
  second differences) and added to the standard error.
- Who looks after every epoch finds a bad one sooner or later. So a difference counts from a hundredth of the best
  error on, and the range lies behind only after epochs in a row outside of it: five, and a tenth of all.

Source: the paired t-test (Student 1908). Pure numpy, no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.curves import (
    CLEAR_PART,
    FEWEST_FILES,
    NOTABLE_PART,
    SMOOTHING,
    best_place,
    errors_of,
    jitter,
    last_improvement,
    smooth,
)
from engine.rundir.findings import SweetRange
from engine.students_t import quantile

__all__ = ["SweetRange", "may_end", "sweet_range"]

Floats = NDArray[np.float64]

PATIENCE, PATIENCE_PART = 5, 0.1
RESTING_PART, LEAST_PROGRESS = 0.4, 0.5
HALVINGS = 32


def sweet_range(
    epochs: Sequence[int],
    values: Sequence[float],
    files: Sequence[Sequence[float]],
    better: str = "lower",
    ties: Sequence[float] = (),
) -> SweetRange | None:
    """The range after the last of ``epochs``; None while no value is finite.

    values [epochs]: the monitored metric. files [epochs][files]: the same file by file, empty where a task has none.
    ties [epochs]: as :func:`engine.curves.best_place` has them.
    """
    place = best_place(values, better, ties)
    if place is None:
        return None
    errors = _smoothed(_comparable(files, better))
    count = errors.shape[1]
    if count < FEWEST_FILES or not np.isfinite(errors[[place, -1]]).all():
        return SweetRange(epochs[place], epochs[place], epochs[-1], count, False, False, None, None)
    worse = errors - errors[place]
    mean, spread = worse.mean(1), _standard_error(worse, errors.mean(1))
    floor = NOTABLE_PART * abs(float(errors[place].mean()))
    flattered = _optimism(errors)
    alike = mean <= np.maximum(floor, (flattered or 0.0) + quantile(count - 1) * spread)
    alike[place] = True
    first, last = (int(end) for end in np.flatnonzero(alike)[[0, -1]])
    since = len(epochs) - 1 - last
    return SweetRange(
        best=epochs[place],
        first=epochs[first],
        last=epochs[last],
        files=count,
        certain=True,
        behind=since >= max(PATIENCE, math.ceil(PATIENCE_PART * len(epochs))),
        worse_by=float(mean[-1]),
        standard_error=float(spread[-1]),
        optimism=flattered,
    )


def may_end(sweet: SweetRange | None, values: Sequence[float], progress: float, better: str = "lower") -> bool:
    """Whether a run that is to stop after its sweet spot has nothing left to wait for; never without certainty.

    Either the range lies behind, or half of the run does and its curve rests: in the last two fifths of its epochs
    nothing came out notably better, nor is it on its way down, a fiftieth or more under its highest there. Not before
    half: while the learning rate is high, its fall mends what seems to rest.

    sweet: the range after the last epoch. values [epochs]: the monitored metric. progress: how much of the run lies
    behind, 0...1.
    """
    if sweet is None or not sweet.certain:
        return False
    return sweet.behind or (progress >= LEAST_PROGRESS and _rests(errors_of(smooth(values), better)))


def _rests(errors: list[float]) -> bool:
    """errors [epochs]: smoothed, lower is better."""
    moved, window = last_improvement(errors), math.ceil(RESTING_PART * len(errors))
    if moved is None or len(errors) - 1 - moved < window:
        return False
    return max(errors[-window:]) - errors[-1] <= CLEAR_PART * min(errors)


def _optimism(errors: Floats) -> float | None:
    """By how much the error at the best epoch flatters, because the files that measure it also chose the epoch.

    In the metric's unit, at least 0; None with fewer than three files or without a finite epoch. The files are halved
    in several ways: what a half loses at the epoch that the other half chose is what its own choice had flattered it
    by. All of them together flatter themselves by less: by a root of two at least.

    errors [epochs, files]: smoothed, lower is better.
    """
    errors = errors[np.isfinite(errors).all(1)]
    count = errors.shape[1]
    if count < FEWEST_FILES or not len(errors):
        return None
    orders = np.random.default_rng(count).permuted(np.tile(np.arange(count), (HALVINGS, 1)), axis=1)
    mine = (orders < count // 2).astype(float)  # which files are in each half [HALVINGS, files]
    halves = [errors @ (side / side.sum(1, keepdims=True)).T for side in (mine, 1 - mine)]
    lost = [_lost(*pair) for pair in (halves, halves[::-1])]
    return float(np.mean(lost)) / math.sqrt(2)


def _lost(own: Floats, other: Floats) -> Floats:
    """By how much ``own`` [epochs, halvings] is worse at the epoch that ``other`` chose than at its own best."""
    lost: Floats = own[other.argmin(0), np.arange(own.shape[1])] - own.min(0)
    return lost


def _comparable(files: Sequence[Sequence[float]], better: str) -> Floats:
    """Errors [epochs, files], lower is better. Files without any figure are left out, copies count once."""
    errors = np.array(files, np.float64).reshape(len(files), -1)
    errors = errors[:, np.isfinite(errors).any(0)]
    return np.unique(errors if better == "lower" else 1.0 - errors, axis=1)


def _smoothed(errors: Floats) -> Floats:
    """:func:`engine.curves.smooth` file by file, begun anew round an epoch that is not finite for all of them."""
    out = errors.copy()
    for epoch in range(1, len(out)):
        if np.isfinite(out[epoch - 1]).all() and np.isfinite(errors[epoch]).all():
            out[epoch] = SMOOTHING * out[epoch - 1] + (1 - SMOOTHING) * errors[epoch]
    return out


def _standard_error(worse: Floats, curve: Floats) -> Floats:
    """Of the mean paired difference in each epoch: the files' scatter, and the curve's own wobble."""
    files: Floats = worse.std(1, ddof=1) / math.sqrt(worse.shape[1])
    # White noise, smoothed like this, has a median bend of 1.07 of its deviation; two epochs are compared.
    wobble = math.sqrt(2) * jitter(curve.tolist()) / 1.07
    error: Floats = np.hypot(files, wobble)
    return error
