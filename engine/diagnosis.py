"""What the curves say in plain words: still learning, at the sweet spot, past it, memorising. It never stops a run."""

from __future__ import annotations

import math

from engine.metrics import (
    LEARNED_SOMETHING,
    NOTHING_LEFT,
    OVERFITTING_GAP,
    STAGNATION_EPOCHS,
    MetricsHistory,
    better_than_baseline,
    errors_of,
    last_progress,
    smooth,
)
from engine.rundir.schema import Diagnosis, Monitor

PAST_EPOCHS = 3
PAST_PART = 0.02


def diagnose_fit(history: MetricsHistory, monitor: Monitor) -> list[Diagnosis]:
    """At most one verdict on how learning goes, and stagnation beside it."""
    best = history.get_best_epoch()
    if best is None:
        return []
    curve = smooth(history.column(monitor.metric))
    epochs = sorted(history.epochs)
    at_best, now = curve[epochs.index(best)], curve[-1]
    found = [_verdict(history, monitor, best, at_best, now, epochs[-1])]
    return found + _stagnation(curve, epochs, monitor)


def _stagnation(curve: list[float], epochs: list[int], monitor: Monitor) -> list[Diagnosis]:
    """A warning when the smoothed curve has not moved for long; none where nothing is left to gain."""
    place = last_progress(curve, monitor.better)
    if place is None or epochs[-1] - epochs[place] < STAGNATION_EPOCHS:
        return []
    first, *_, last = errors_of(curve, monitor.better)
    if abs(last) <= NOTHING_LEFT * abs(first):
        return []
    return [
        Diagnosis(
            code="stagnation",
            severity="warning",
            since_epoch=epochs[place],
            message=f"Nothing has improved notably for {epochs[-1] - epochs[place]} epochs. More time is unlikely to "
            "help.",
        )
    ]


def _too_early(at_best: float, monitor: Monitor) -> bool:
    gain = better_than_baseline(at_best, monitor.baseline_db, monitor.better)
    return gain is not None and gain < LEARNED_SOMETHING


def _past(at_best: float, now: float, epochs_since: int, monitor: Monitor) -> bool:
    worse = (now - at_best) * (1 if monitor.better == "lower" else -1)
    return epochs_since >= PAST_EPOCHS and worse > PAST_PART * abs(at_best)


def _verdict(history: MetricsHistory, monitor: Monitor, best: int, at_best: float, now: float, epoch: int) -> Diagnosis:
    """One of too_early, memorising, past, learning."""
    unit = f" {monitor.unit}" if monitor.unit else ""
    if _too_early(at_best, monitor):
        return Diagnosis(
            code="too_early",
            severity="info",
            message="Too early to tell: it is hardly better yet than the average of everything it learns from.",
        )
    gap = history.gap()
    past = _past(at_best, now, epoch - best, monitor)
    if past and gap is not None and gap > OVERFITTING_GAP:
        return Diagnosis(
            code="memorising",
            severity="warning",
            since_epoch=best,
            message=f"It begins to memorise. Since epoch {best}, data it has never met comes out worse "
            f"({at_best:.3g} to {now:.3g}{unit}) while its own still improves. The best epoch is kept.",
        )
    if past:
        return Diagnosis(
            code="past",
            severity="info",
            since_epoch=best,
            message=f"The sweet spot seems to lie at epoch {best}: since then it has not become better with new data.",
        )
    if gap is not None and math.isfinite(gap) and gap > OVERFITTING_GAP:
        return Diagnosis(
            code="gap",
            severity="warning",
            message=f"It knows its own data {gap:.0%} better than new data. Compare its previews.",
        )
    return Diagnosis(
        code="learning",
        severity="good",
        message=f"It is learning: best so far at epoch {best}, {at_best:.3g}{unit}{_give_or_take(history, monitor)}.",
    )


def _give_or_take(history: MetricsHistory, monitor: Monitor) -> str:
    """The standard error over the files that check, where the task knows it."""
    if monitor.standard_error is None:
        return ""
    error = history.column(monitor.standard_error)[-1]
    return f" give or take {error:.2g}" if math.isfinite(error) else ""
