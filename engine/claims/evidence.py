"""From a run's curves to the figures that its claims compare."""

from __future__ import annotations

import math
from typing import Any

from engine.curves import FEWEST_FILES, NOTABLE_PART, errors_of, gap_of, jitter, last_improvement, smooth
from engine.metrics import MetricsHistory
from engine.rundir.findings import Evidence
from engine.rundir.record import Monitor
from engine.students_t import quantile

SIGMAS = 2.0
LATE_PART = 0.8  # progress in the last fifth of a run says that more time might have helped
_DIFFERENCE = math.sqrt(2 / 3)  # of two means of three epochs, see level()


def gather(history: MetricsHistory, monitor: Monitor, files: int = 0) -> Evidence | None:
    """The figures of the last epoch against the best one; None before the first.

    files: held-out files, for a task that does not tell them apart; 0 where they are not counted.
    """
    epochs = sorted(history.epochs)
    if not epochs:
        return None
    raw, own = history.monitored(), history.column(monitor.reference)
    sweet = history.sweet_range()
    evidence = Evidence(
        epoch=epochs[-1],
        files=sweet.files if sweet and sweet.files else files,
        sweet_range=sweet,
        now=raw[-1],
        own=known(own[-1]),
        smoothed=smooth(raw)[-1],
        own_smoothed=known(smooth(own)[-1]),
        noise=noise(raw),
        own_noise=noise(own),
        gap=gap_of(smooth(own)[-1], smooth(raw)[-1], monitor.better),
    )
    if sweet is None or sweet.best not in history.epochs:  # which a full disk may have cost
        return evidence
    return evidence.model_copy(update=_since(history, monitor, sweet.best))


def _since(history: MetricsHistory, monitor: Monitor, best: int) -> dict[str, Any]:
    """What has changed since the best epoch."""
    epochs = sorted(history.epochs)
    at = epochs.index(best)
    curve, own = smooth(history.monitored()), smooth(history.column(monitor.reference))
    errors = errors_of(curve, monitor.better)
    error = history.column(monitor.standard_error or "")
    raw, raw_own = history.monitored(), history.column(monitor.reference)
    late = int(LATE_PART * (len(curve) - 1))
    return {
        "best": known(raw[at]),
        "best_standard_error": known(error[at]),
        "standard_error": known(error[-1]),
        "worse_by": known(worse(level(raw, at), level(raw, len(raw) - 1), monitor)),
        "own_better_by": known(-worse(level(raw_own, at), level(raw_own, len(raw) - 1), monitor)),
        "late_gain": known(-worse(level(raw, late), level(raw, len(raw) - 1), monitor)),
        "moved": None if (moved := last_improvement(curve, monitor.better)) is None else epochs[moved],
        "left": _left(errors),
        "best_gap": gap_of(own[at], curve[at], monitor.better),
    }


def _left(errors: list[float]) -> float | None:
    first = next((error for error in errors if math.isfinite(error) and error), None)
    return None if first is None else known(errors[-1] / first)


def known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def worse(before: float, after: float, monitor: Monitor) -> float:
    """How much worse ``after`` is than ``before``, in the metric's unit."""
    return after - before if monitor.better == "lower" else before - after


def level(values: list[float], at: int) -> float:
    """The mean of three epochs round ``at``, at the end of the last three.

    Unlike the smoothed curve it does not lag: a curve at rest is no better than it was.
    """
    end = min(at + 1, len(values) - 1)
    near = [value for value in values[max(0, end - 2) : end + 1] if math.isfinite(value)]
    return sum(near) / len(near) if near else math.nan


def interval(error: float | None, files: int) -> float | None:
    """Half the 95 % interval (Student's t) of a mean over ``files``, from its standard error: what stands behind ±.

    None with fewer than three files, which cannot tell, or without an error that is known.
    """
    if error is None or not math.isfinite(error) or files < FEWEST_FILES:
        return None
    return quantile(files - 1) * error


def noise(values: list[float]) -> float:
    """The standard deviation that the jitter of a curve gives a difference of two of its levels.

    By :func:`engine.curves.jitter`: second differences of white noise have six times its variance.
    """
    return 1.4826 * jitter(values) / math.sqrt(6) * _DIFFERENCE


def beyond(difference: float | None, noise: float, size: float | None) -> bool:
    """Whether a difference is more than noise, and more than a hundredth of the figure it is a part of."""
    if difference is None or size is None:
        return False
    return difference > max(SIGMAS * noise, NOTABLE_PART * abs(size))
