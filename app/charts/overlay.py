"""The rows of several runs' curves over one another. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from app.charts.curves import Window
from app.charts.specs import RUNS, SOLID
from app.charts.table import Rows, finite, nice_range, spread_labels
from app.runs.columns import Band, Floats, band
from app.runs.store import MetricsStore

AXES = {"epoch": "epoch", "step": "update", "time": "minutes of training"}
POINTS = 300  # A screen has a thousand, and there may be ten curves: each has 300 to 600.
HOVERED = 80
LONGEST_NAME = 18
FARTHEST_OFF = 4.0  # times its own median: what lies beyond does not stretch the axis for all


@dataclass(frozen=True)
class Line:
    """One run's curve: ``y`` over ``x``, both a value a record, ``x`` growing."""

    role: str
    name: str
    x: Floats
    y: Floats


def curve(store: MetricsStore, metric: str, axis: str) -> tuple[Floats, Floats]:
    """A metric over one of ``AXES``: by step where it is recorded by step, else by epoch. What has no place goes."""
    by_step = metric in store.steps.names()
    columns = store.steps if by_step else store.epochs
    y = columns.get(metric)
    if axis == "time":
        x = columns.get("elapsed_s") / 60
    elif by_step:
        x = columns.index().astype(float) if axis == "step" else _epochs_passed(store)
    else:
        x = columns.get("step") if axis == "step" else columns.index().astype(float)
    good = np.isfinite(x) & (by_step | np.isfinite(y))
    good[good] &= np.diff(np.maximum.accumulate(x[good]), prepend=-np.inf) > 0
    return x[good], y[good]


def _epochs_passed(store: MetricsStore) -> Floats:
    """How many epochs lay behind at each step: a whole one where an epoch ended, even parts in between."""
    ends, steps = store.epochs.get("step"), store.steps.index().astype(float)
    known = np.isfinite(ends)
    if not known.any():
        return steps * math.nan
    at, epochs = np.append(0.0, ends[known]), np.append(0.0, store.epochs.index()[known].astype(float))
    pace = (epochs[-1] - epochs[-2]) / max(1.0, at[-1] - at[-2])
    inside: Floats = np.interp(steps, at, epochs)
    return np.where(steps > at[-1], epochs[-1] + (steps - at[-1]) * pace, inside)


def relative(y: Floats, baseline: float, better: str) -> Floats:
    """Errors as parts of the baseline's; the error of a score is what it lacks to 1."""
    return y / baseline if better == "lower" else (1 - y) / (1 - baseline)


def overlay_rows(
    lines: Sequence[Line], window: Window | None = None, smoothing: int = 1, log: bool = False, height: int = 368
) -> pa.Table:
    """Each line smoothed over so many records, what its raw values reach behind it, and its name at its end.

    window: the part of the x axis that is in sight; the other axis fits it.
    """
    lines = [_positive(one) if log else one for one in lines]
    lines = [one for one in lines if np.isfinite(one.y).any()]
    drawn = [_thinned(one, window, smoothing) for one in lines]
    low, high = _extent(drawn, window, log)
    rows = Rows()
    rows.add("frame", x=_span(lines), y=np.array([low, high]))
    for one, thin in zip(lines, drawn, strict=True):
        if (thin.high > thin.low).any():
            rows.add("band", one.role, x=thin.x, y=np.clip(thin.low, low, high), y2=np.clip(thin.high, low, high))
    for one, thin in zip(lines, drawn, strict=True):
        known = np.isfinite(thin.line)
        x, y = thin.x, np.minimum(thin.line, high)
        kind = "dot" if known.sum() == 1 else "dashed" if one.role in RUNS[SOLID:] else "line"
        rows.add(kind, one.role, x=x, y=y)
        rows.add("hover", one.role, x=_some(x[known]), y=_some(y[known]), t=one.name)
    _add_names(rows, lines, drawn, (low, high), log, height)
    return rows.table()


def _positive(one: Line) -> Line:
    """Nothing else has a place on a logarithmic axis."""
    return Line(one.role, one.name, one.x, np.where(one.y > 0, one.y, np.nan))


def _thinned(one: Line, window: Window | None, smoothing: int) -> Band:
    first, last = 1, len(one.x)
    if window is not None:
        first = max(1, int(np.searchsorted(one.x, window[0])))
        last = int(np.searchsorted(one.x, window[1], side="right")) + 1
    found = band(one.y, first, last, points=POINTS, window=smoothing)
    x = np.interp(found.x, np.arange(1, len(one.x) + 1), one.x)
    plain = smoothing == 1 and len(x) == max(0, min(last, len(one.x)) - first + 1)  # the line is the values themselves
    return Band(x, found.line, *((found.line, found.line) if plain else (found.low, found.high)))


def _extent(drawn: Sequence[Band], window: Window | None, log: bool) -> tuple[float, float]:
    """Of what is in sight: the lines whole, of the raw values behind them what most reach."""
    seen = [_in_sight(one, window) for one in drawn]
    values = finite(*(finite(one.line) if log else _without_spikes(finite(one.line)) for one in seen))
    if not len(values):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = float(values.min()), float(values.max())
    if log:
        return low / 1.1, high * 1.1
    above = finite(*(one.high - one.line for one in seen))
    below = finite(*(one.line - one.low for one in seen))
    least = min(low, float(finite(*(one.low for one in seen)).min()))
    return nice_range(max(least, low - _most(below)), high + _most(above))


def _in_sight(one: Band, window: Window | None) -> Band:
    """Without the neighbours that a line is drawn on to."""
    inside = (one.x >= window[0]) & (one.x <= window[1]) if window is not None else np.ones(len(one.x), bool)
    return Band(one.x[inside], one.line[inside], one.low[inside], one.high[inside])


def _most(values: Floats) -> float:
    return max(0.0, float(np.percentile(values, 60))) if len(values) else 0.0


def _without_spikes(values: Floats) -> Floats:
    ceiling = FARTHEST_OFF * float(np.median(values)) if len(values) >= 8 else 0.0
    return values[values <= ceiling] if ceiling > 0 else values


def _span(lines: Sequence[Line]) -> Floats:
    """From the first value of any to the last of any."""
    if not lines:
        return np.array([0.0, 1.0])
    low, high = min(float(one.x[0]) for one in lines), max(float(one.x[-1]) for one in lines)
    return np.array([low, high]) if high > low else np.array([low - 0.5, low + 0.5])


def _some(values: Floats) -> Floats:
    return values[:: max(1, math.ceil(len(values) / HOVERED))]


def _add_names(
    rows: Rows, lines: Sequence[Line], drawn: Sequence[Band], span: tuple[float, float], log: bool, height: int
) -> None:
    ends = [float(min(max(one.line[np.isfinite(one.line)][-1:], default=span[0]), span[1])) for one in drawn]
    scale, back = (math.log, math.exp) if log else (float, float)
    places = spread_labels([scale(end) for end in ends], scale(span[0]), scale(span[1]), height)
    for one, place in zip(lines, places, strict=True):
        rows.add("end", one.role, y=back(place))
        rows.add("label", "done", y=back(place), t=_short(one.name))


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
