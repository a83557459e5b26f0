"""The rows of a run's main chart: from its numbers to one small table. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from app.charts.curves import add_curve, add_hover, shown, span
from app.charts.marks import Mark, add_chosen, add_marks
from app.charts.resampled import clipped, in_sight, resampled
from app.charts.settings import ChartSettings
from app.charts.table import Height, Rows, finite, fitted, nice_range
from app.charts.x_axis import Window, XAxis
from app.runs.columns import Band, Columns, Floats
from engine.claims.evidence import interval
from engine.claims.figures import figure
from engine.claims.sweet import SweetSpot
from engine.rundir.record import Monitor

MOST_BAND_POINTS = 200
MARKS_PX = 24  # What marks need below the curves.
MARGIN = 0.02  # of the x axis at each end, so that the first and the last mark are whole


@dataclass(frozen=True)
class Measured:
    """What the main chart shows of a run.

    names: what new items, its own items and the baseline are called here. standard_error: the metric that says how sure
    the monitored one is; its 95 % interval over ``files`` is drawn as a pale band around an unsmoothed curve. None: no
    band. chosen: the update whose sounds are heard.
    """

    epochs: Columns
    monitor: Monitor
    names: tuple[str, str, str]
    sweet: SweetSpot | None = None
    marks: Sequence[Mark] = ()
    standard_error: str | None = None
    files: int = 0
    chosen: int | None = None


@dataclass(frozen=True)
class Sight:
    """How it is looked at. window: the part of the x axis that is in sight; the other axis fits the curves there,
    unzoomed the baseline too. height: of the drawing, in pixels.
    """

    at: XAxis
    settings: ChartSettings
    window: Window | None = None
    height: int = 368


def main_rows(run: Measured, sight: Sight) -> pa.Table:
    """The main chart: the error on new and own items, the baseline, the sweet range, what happened to the run."""
    monitor, settings, window = run.monitor, sight.settings, sight.window
    x, smoothing = sight.at.epochs, settings.over(by_step=False)
    placed = np.isfinite(x)
    curves = {"val": run.epochs.get(monitor.metric), "train": run.epochs.get(monitor.reference)}
    drawn = {
        role: resampled(x[placed], shown(y, settings.log)[placed], window, smoothing) for role, y in curves.items()
    }
    seen = {role: in_sight(curve, window) for role, curve in drawn.items()}
    axis, level = _height(run, sight, seen.values())
    low, high = axis.low_value, axis.high_value
    rows = Rows()
    begin, end = span(x[placed])
    margin = MARGIN * (end - begin)
    rows.add("frame", x=np.array([begin - margin, end + margin]), y=np.array([low, high]))
    for value in level:
        rows.add("base", "base", y=value)
    # Scores crowd at the top, errors at the bottom: the label of the sweet spot stands where the curves are not.
    _add_sweet_range(rows, x, curves["val"], run.sweet, _free(axis, level, above=monitor.better == "lower"))
    times = interval(1.0, run.files)
    if run.standard_error is not None and times is not None and smoothing == 1:
        _add_spread(rows, x, curves["val"], times * run.epochs.get(run.standard_error), (low, high), window)
    for role, curve in drawn.items():
        add_curve(rows, role, role, clipped(curve, low, high))
    ends = window or (begin - margin, end + margin)
    add_marks(rows, run.marks, sight.at, ends)
    add_chosen(rows, run.chosen, sight.at, ends)
    own = {role: (name, monitor.unit) for role, name in zip(drawn, run.names[:2], strict=True)}
    add_hover(rows, seen, own, sight.at, (low, high), run.marks)
    _add_labels(rows, run, seen, level, axis)
    return rows.table()


def _height(run: Measured, sight: Sight, seen: Iterable[Band]) -> tuple[Height, list[float]]:
    """The axis of the values, and the baseline where it lies on it."""
    baseline, log = run.monitor.baseline, sight.settings.log
    known = baseline is not None and math.isfinite(baseline) and not (log and baseline <= 0)
    level = [baseline] if baseline is not None and known else []
    low, high = _extent(seen, level if sight.window is None else [], log)
    if run.marks:
        low = Height(low, high, sight.height, log).value(-MARKS_PX)
    return Height(low, high, sight.height, log), [value for value in level if low <= value <= high]


def _add_labels(rows: Rows, run: Measured, seen: Mapping[str, Band], level: Sequence[float], axis: Height) -> None:
    """What each line is, and where it ends, at heights where labels do not touch."""
    unit = run.monitor.unit
    labels = [(run.names[2], "base", value) for value in level]
    for name, (role, curve) in zip(run.names[:2], seen.items(), strict=True):
        known = finite(curve.line)
        labels += [(name, role, float(known[-1]))] if len(known) else []
    heights = axis.spread([min(max(value, axis.low_value), axis.high_value) for *_, value in labels])
    for (name, role, value), height in zip(labels, heights, strict=True):
        rows.add("label", role, y=height, t=f"{name} {figure(value, unit).removesuffix(' dB')}")


def _extent(seen: Iterable[Band], level: list[float], log: bool) -> tuple[float, float]:
    values = finite(*(one.line for one in seen))
    if log:
        return fitted(finite(values, np.array(level)), log)
    low = min([*values, *level], default=0.0)
    return nice_range(low, max([*_clamped(values), *level], default=1.0))


def _free(axis: Height, taken: list[float], above: bool) -> float:
    """A height near the top (``above``) or the bottom where a label meets none of the level lines at ``taken``."""
    heights = [axis.pixels - down for down in (0, 26, 52)] if above else [36.0, 66.0, 96.0]
    free = (height for height in heights if all(abs(height - 8 - axis.up(y)) > 14 for y in taken))
    return axis.value(next(free, heights[0]))


def _add_spread(
    rows: Rows, x: Floats, curve: Floats, by: Floats, ends: tuple[float, float], window: Window | None
) -> None:
    known = np.flatnonzero(np.isfinite(curve) & np.isfinite(by) & np.isfinite(x))
    if window is not None:
        known = known[max(0, np.searchsorted(x[known], window[0]) - 1) : np.searchsorted(x[known], window[1]) + 1]
    if len(known) < 2:
        return
    shown_at = known[np.unique(np.linspace(0, len(known) - 1, MOST_BAND_POINTS).round().astype(int))]
    below, above = (np.clip(curve[shown_at] + sign * by[shown_at], *ends) for sign in (-1, 1))
    rows.add("spread", "val", x=x[shown_at], y=below, y2=above)


def _clamped(values: Floats) -> Floats:
    """Without what a divergence adds on top: the axis fits what went before."""
    if len(values) < 8:
        return values
    ceiling = np.median(values) * 4
    below = values[values <= ceiling] if ceiling > 0 else values
    return below if len(below) else values


def _add_sweet_range(rows: Rows, x: Floats, curve: Floats, sweet: SweetSpot | None, label_y: float) -> None:
    if sweet is None or not 1 <= sweet.best <= len(x) or not math.isfinite(x[sweet.best - 1]):
        return
    filled = np.where(np.isfinite(x), x, np.interp(np.arange(len(x)), np.flatnonzero(np.isfinite(x)), finite(x)))
    begin, end, best = float(filled[0]), float(filled[-1]), float(filled[sweet.best - 1])
    if sweet.band is not None:
        first, last = (float(filled[min(epoch, len(x)) - 1]) for epoch in sweet.band)
        rows.add("range", "sweet", x=first, x2=last)
    rows.add("sweet", "sweet", x=best)
    side = "sweet-right" if best - begin < 0.6 * (end - begin) else "sweet-left"
    rows.add(side, "sweet", x=best, y=label_y, t=f"{sweet.title} · {sweet.value}")
    rows.add("best", "sweet", x=best, y=float(curve[sweet.best - 1]))
    if sweet.beyond is not None and sweet.beyond < len(x):
        rows.add("beyond", "val", x=float(filled[sweet.beyond - 1]), x2=end)
