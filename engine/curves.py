"""What can be read off a curve: the best epoch, the overfitting gap, what is better than the baseline, its wobble.

"Best" is judged everywhere by the smoothed clean validation metric that the task monitors: the lowest of an error, the
highest of a score (accuracy, R²). Losses of different KL weights cannot be compared, and validation with a sampled
code is noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

OVERFITTING_GAP = 0.2
LEARNED_SOMETHING = 0.1
SMOOTHING = 0.5
EQUAL_PART = 1e-4
FEWEST_FILES = 3
STAGNATION_EPOCHS, NOTHING_LEFT = 30, 0.001
NOTABLE_PART, CLEAR_PART = 0.01, 0.02  # of an error: less than the first nobody hears; from the second on it is plain
RECENT_BENDS = 30


def compute_overfitting_gap(train: float, val: float, better: str = "lower") -> float:
    """How far validation lies behind training, as a fraction of training's figure; 0 where that says nothing.

    (val - train) / train for two errors of at least 0; (train - val) / train for two scores such as accuracies. A
    figure that is not finite, or of training that is not positive, has no gap. Raises nothing: it is only shown.
    """
    if not (math.isfinite(train) and math.isfinite(val)) or train <= 0:
        return 0.0
    return (val - train) / train if better == "lower" else (train - val) / train


def gap_of(own: float | None, new: float | None, better: str = "lower") -> float | None:
    """The overfitting gap of two smoothed figures; None without both: nothing is known then, which is not "no gap"."""
    if own is None or new is None or not (math.isfinite(own) and math.isfinite(new)):
        return None
    return compute_overfitting_gap(own, new, better)


def better_than_baseline(value: float, baseline: float | None, better: str = "lower") -> float | None:
    """The part of the baseline's error that is gone: 0.34 is 34 % better. None without a baseline.

    The error of a score (better "higher") is what it lacks to 1, the highest an accuracy or an R² can be.
    """
    if baseline is not None and better == "higher":
        value, baseline = 1.0 - value, 1.0 - baseline
    if baseline is None or baseline <= 0 or not math.isfinite(value):
        return None
    return 1.0 - value / baseline


def smoothed(previous: float | None, value: float) -> float:
    """One step of the exponential average that best and gap are judged on; begun anew around a non-finite value."""
    if previous is None or not (math.isfinite(previous) and math.isfinite(value)):
        return value
    return SMOOTHING * previous + (1 - SMOOTHING) * value


def smooth(values: Sequence[float]) -> list[float]:
    """:func:`smoothed` along a whole curve."""
    out: list[float] = []
    for value in values:
        out.append(smoothed(out[-1] if out else None, value))
    return out


def is_better(value: float, best: float, better: str = "lower") -> bool:
    """Whether a smoothed value beats the best so far by more than a ten-thousandth of it.

    Less than that nobody hears, and a smoothed curve creeps by it for dozens of epochs after it came to rest.
    """
    margin = EQUAL_PART * abs(best)
    return value < best - margin if better == "lower" else value > best + margin


def best_place(values: Sequence[float], better: str = "lower", ties: Sequence[float] = ()) -> int | None:
    """The place of the best of smoothed ``values``; None without a finite one.

    ties [places]: decides between equals, lower is better, smoothed alike; without it, and where that is equal too, the
    first of them counts. The one owner of what "best" is: who follows a run, keeps its best weights or reads its record
    asks here.
    """
    second = smooth(ties) or [math.nan] * len(values)
    best, least, found = math.nan, math.nan, None
    for place, (value, tie) in enumerate(zip(smooth(values), second, strict=True)):
        if not math.isfinite(value):
            continue
        if found is None or is_better(value, best, better):
            best, least, found = value, tie, place
        elif not is_better(best, value, better) and is_better(tie, least):
            least, found = tie, place  # ``best`` stays: equals of equals would creep away from it
    return found


def last_improvement(curve: list[float], better: str = "lower") -> int | None:
    """The place in a smoothed curve where its error last fell notably; None without a number.

    Notably is by a hundredth, and by a thousandth of where it began. A smoothed curve creeps on for long after what it
    follows has come to rest, so that its very best place is nearly always the last one and would never tell a plateau.
    """
    place, least, floor = None, math.inf, 0.0
    for index, error in enumerate(errors_of(curve, better)):
        if not math.isfinite(error):
            continue
        if place is None:
            place, least, floor = index, error, NOTHING_LEFT * abs(error)
        elif error < least - max(floor, NOTABLE_PART * abs(least)):
            place, least = index, error
    return place


def jitter(values: Sequence[float]) -> float:
    """The median size of a curve's last thirty second differences, which neither a slope nor a slow bend moves.

    In the unit of ``values``; 0 with fewer than three finite ones in a row. What noise it comes from depends on how the
    curve was smoothed: who asks scales it.
    """
    last = values[-RECENT_BENDS - 2 :]
    bends = [after - 2 * here + before for before, here, after in zip(last, last[1:], last[2:], strict=False)]
    sizes = [abs(bend) for bend in bends if math.isfinite(bend)]
    return median(sizes) if sizes else 0.0


def errors_of(curve: list[float], better: str = "lower") -> list[float]:
    """``curve`` as errors: that of a score is what it lacks to 1."""
    return curve if better == "lower" else [1.0 - value for value in curve]
