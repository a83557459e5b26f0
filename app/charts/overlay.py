"""The rows of several runs' curves over one another, one a run or one a mean over seeds. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
import pyarrow as pa

from app.charts.parts import RUNS
from app.charts.resampled import hovered, in_sight, positive, resampled
from app.charts.specs import SOLID
from app.charts.table import Height, Rows, finite, nice_range
from app.charts.x_axis import Window, XAxis, growing
from app.runs.columns import Band, Floats
from app.runs.store import MetricsStore
from engine.claims.figures import minus

POINTS = 300  # A screen has a thousand, and there may be ten curves: each has 300 to 600.
MOST_MEANS = 4_000
LONGEST_NAME = 18
FARTHEST_OFF = 4.0  # times its own median: what lies beyond does not stretch the axis for all


@dataclass(frozen=True)
class Line:
    """One curve: ``y`` over ``x``, both a value a record, ``x`` growing.

    spread: of a mean of several runs, how far they lie apart there, drawn in place of what raw values reach.
    """

    role: str
    name: str
    x: Floats
    y: Floats
    spread: Floats | None = None


def mean(role: str, name: str, lines: Sequence[Line]) -> Line:
    """The mean of several curves where all of them are, with their standard deviation; of one the curve itself.

    Empty where there is no such place: over minutes, one may be over before another's first record.
    """
    if len(lines) == 1:
        return replace(lines[0], role=role, name=name)
    first, last = max(one.x[0] for one in lines), min(one.x[-1] for one in lines)
    x = np.unique(np.concatenate([one.x for one in lines]))
    x = x[(x >= first) & (x <= last)]
    x = x[:: max(1, len(x) // MOST_MEANS)]
    each = np.array([np.interp(x, one.x, one.y) for one in lines])
    return Line(role, name, x, each.mean(axis=0), each.std(axis=0, ddof=1))


def curve(store: MetricsStore, metric: str, axis: str, epoch_steps: int | None = None) -> tuple[Floats, Floats]:
    """A metric over one of ``AXES``: by step where it is recorded by step, else by epoch. What has no place goes."""
    by_step = metric in store.steps.names()
    y = (store.steps if by_step else store.epochs).get(metric)
    at = XAxis(store.steps, store.epochs, axis, epoch_steps)
    x = growing(at.of_steps(store.steps.index().astype(float))) if by_step else at.epochs
    good = np.isfinite(x) & (by_step | np.isfinite(y))
    return x[good], y[good]


def relative(y: Floats, baseline: float, better: str) -> Floats:
    """Errors as parts of the baseline's; the error of a score is what it lacks to 1."""
    return y / baseline if better == "lower" else (1 - y) / (1 - baseline)


def overlay_rows(
    lines: Sequence[Line],
    window: Window | None = None,
    smoothing: int = 1,
    log: bool = False,
    height: int = 368,
    told: Callable[[float], str] = str,
) -> pa.Table:
    """Each line smoothed over so many records, what its raw values reach behind it, and its name at its end.

    window: the part of the x axis that is in sight; the other axis fits it. told: a place along the x axis in words.
    """
    lines = [replace(one, y=positive(one.y)) if log else one for one in lines]
    lines = [one for one in lines if np.isfinite(one.y).any()]
    drawn = [_thinned(one, window, smoothing) for one in lines]
    spreads = [thin for one, thin in zip(lines, drawn, strict=True) if one.spread is not None]
    low, high = _reaching(_extent(drawn, window, log), spreads, window, log)
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
    _add_names(rows, lines, drawn, (low, high), log, height)
    _add_stops(rows, lines, [in_sight(one, window) for one in drawn], (low, high), told)
    return rows.table()


def _thinned(one: Line, window: Window | None, smoothing: int) -> Band:
    thin = resampled(one.x, one.y, window, smoothing, POINTS)
    if one.spread is None or not len(thin.x):
        return thin
    spread = resampled(one.x, one.spread, window, smoothing, POINTS).line
    return replace(thin, low=thin.line - spread, high=thin.line + spread)


def _extent(drawn: Sequence[Band], window: Window | None, log: bool) -> tuple[float, float]:
    """Of what is in sight: the lines whole, of the raw values behind them what most reach."""
    seen = [in_sight(one, window) for one in drawn]
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


def _reaching(
    extent: tuple[float, float], spreads: Sequence[Band], window: Window | None, log: bool
) -> tuple[float, float]:
    """So far that what means scatter by is seen whole; a logarithmic axis has no place for it below zero."""
    seen = [in_sight(one, window) for one in spreads]
    low, high = finite(*(one.low for one in seen)), finite(*(one.high for one in seen))
    if log or not len(low):
        return extent
    return nice_range(min(extent[0], float(low.min())), max(extent[1], float(high.max())))


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


def _add_stops(
    rows: Rows, lines: Sequence[Line], drawn: Sequence[Band], span: tuple[float, float], told: Callable[[float], str]
) -> None:
    """Where the mouse stops: evenly along all, and what each run has there. A run that has ended has nothing there."""
    known = [(line, curve) for line, curve in zip(lines, drawn, strict=True) if len(curve.x)]
    if not known:
        return
    stops = hovered(np.unique(np.concatenate([curve.x for _, curve in known])))
    said = [told(float(stop)) for stop in stops]
    for line, curve in known:
        inside = (stops >= curve.x[0]) & (stops <= curve.x[-1])
        values = np.where(inside, np.interp(stops, curve.x, curve.line), np.nan)
        texts = [f"\n{line.name} {minus(f'{value:.4g}')}" if math.isfinite(value) else "" for value in values]
        said = [text + more for text, more in zip(said, texts, strict=True)]
        good = np.isfinite(values)
        rows.add("on", line.role, x=stops[good], y=np.clip(values[good], *span))
    rows.add("hover", "base", x=stops, t=said)


def _add_names(
    rows: Rows, lines: Sequence[Line], drawn: Sequence[Band], span: tuple[float, float], log: bool, height: int
) -> None:
    ends = [float(min(max(one.line[np.isfinite(one.line)][-1:], default=span[0]), span[1])) for one in drawn]
    places = Height(*span, height, log).spread(ends)
    names = told_apart([one.name for one in lines])
    for one, name, place in zip(lines, names, places, strict=True):
        rows.add("end", one.role, y=place)
        rows.add("label", "done", y=place, t=name)


def told_apart(names: Sequence[str]) -> list[str]:
    """Each of ``names`` in the room that there is, so that they stay apart where that can be.

    The runs of a sweep begin alike: what all have in front goes first, by whole words.
    """
    if all(len(name) <= LONGEST_NAME for name in names):
        return list(names)
    words = [name.split(" ") for name in names]
    alike = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*words, strict=False)))
    alike = min([alike, *(len(one) - 1 for one in words)]) if len(set(names)) > 1 else 0
    return [_short(("…" if alike else "") + " ".join(one[alike:])) for one in words]


def _short(name: str) -> str:
    """Cut amid, for the end tells runs apart as often as the beginning."""
    if len(name) <= LONGEST_NAME:
        return name
    end = (LONGEST_NAME - 1) // 2
    return f"{name[: LONGEST_NAME - 1 - end]}…{name[-end:]}"
