"""The rows of a run's curves: from its numbers to one small table a chart. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from app.charts.marks import Mark, add_marks, beside
from app.charts.resampled import clipped, hovered, in_sight, positive, resampled, without_places
from app.charts.settings import ChartSettings
from app.charts.table import Height, Rows, extent, finite, fitted, nice_range, thin
from app.charts.x_axis import Window, XAxis
from app.look.words import figure
from app.runs.columns import Band, Columns, Floats, band
from engine.claims.sweet import Sweet

LINEAR = ChartSettings()
MOST_BAND_POINTS = 200
MARKS_PX = 24  # What marks need below the curves.
MARGIN = 0.02  # of the x axis at each end, so that the first and the last mark are whole
MOST_DOTS = 60


def main_rows(
    epochs: Columns,
    metric: str,
    reference: str,
    *,
    unit: str,
    baseline: float | None,
    sweet: Sweet | None,
    better: str,
    marks: Sequence[Mark],
    names: tuple[str, str, str],
    at: XAxis,
    settings: ChartSettings,
    standard_error: str | None = None,
    window: Window | None = None,
    height: int = 368,
) -> pa.Table:
    """The main chart. names: what new items, its own items and the baseline are called here.

    standard_error: the metric that says how sure ``metric`` is; drawn as a pale band around an unsmoothed curve.
    window: the part of the x axis that is in sight; the other axis fits the curves there, unzoomed the baseline too.
    """
    x, smoothing = at.epochs, settings.over(by_step=False)
    placed = np.isfinite(x)
    curves = {"val": epochs.get(metric), "train": epochs.get(reference)}
    drawn = {
        role: resampled(x[placed], _shown(y, settings.log)[placed], window, smoothing) for role, y in curves.items()
    }
    seen = {role: in_sight(curve, window) for role, curve in drawn.items()}
    level = (
        [baseline] if baseline is not None and math.isfinite(baseline) and not (settings.log and baseline <= 0) else []
    )
    low, high = _main_extent(seen.values(), level if window is None else [], settings.log)
    if marks:
        low = Height(low, high, height, settings.log).value(-MARKS_PX)
    axis = Height(low, high, height, settings.log)
    level = [value for value in level if low <= value <= high]
    rows = Rows()
    begin, end = _span(x[placed])
    margin = MARGIN * (end - begin)
    rows.add("frame", x=np.array([begin - margin, end + margin]), y=np.array([low, high]))
    for value in level:
        rows.add("base", "base", y=value)
    # Scores crowd at the top, errors at the bottom: the label of the sweet spot stands where the curves are not.
    _add_sweet_range(rows, x, curves["val"], sweet, _free(axis, level, above=better == "lower"))
    if standard_error is not None and smoothing == 1:
        _add_spread(rows, x, curves["val"], epochs.get(standard_error), low, high, window)
    for role, curve in drawn.items():
        _add_curve(rows, role, role, clipped(curve, low, high))
    add_marks(rows, marks, at, window or (begin - margin, end + margin))
    own = dict(zip(drawn, names[:2], strict=True))
    _add_hover(rows, seen, {role: (name, unit) for role, name in own.items()}, at, (low, high), marks)
    labels = [(names[2], "base", value) for value in level]
    labels += [(own[role], role, float(known[-1])) for role, one in seen.items() if len(known := finite(one.line))]
    places = axis.spread([min(max(value, low), high) for *_, value in labels])
    for (name, role, value), place in zip(labels, places, strict=True):
        rows.add("label", role, y=place, t=f"{name} {figure(value, unit).removesuffix(' dB')}")
    return rows.table()


def _shown(y: Floats, log: bool) -> Floats:
    return positive(y) if log else y


def _main_extent(seen: Iterable[Band], level: list[float], log: bool) -> tuple[float, float]:
    values = finite(*(one.line for one in seen))
    if log:
        return fitted(finite(values, np.array(level)), log)
    low = min([*values, *level], default=0.0)
    return nice_range(low, max([*_clamped(values), *level], default=1.0))


def _add_curve(rows: Rows, kind: str, role: str, curve: Band) -> None:
    """A line, or a dot where it is a single value, over what its raw values reach."""
    if not np.isfinite(curve.line).any():
        return
    if (curve.high > curve.low).any():
        rows.add("band", role, x=curve.x, y=curve.low, y2=curve.high)
    rows.add("dot" if np.isfinite(curve.line).sum() == 1 else kind, role, x=curve.x, y=curve.line)


def _add_hover(
    rows: Rows,
    curves: Mapping[str, Band],
    names: Mapping[str, tuple[str, str]],
    at: XAxis,
    ends: tuple[float, float],
    marks: Sequence[Mark] = (),
) -> None:
    """Where the mouse stops: at values of the first of ``curves`` that has any; all that is known there, in words.

    names: what each is called, and its unit.
    """
    known = {role: without_places(one) for role, one in curves.items()}
    first = next((one for one in known.values() if len(one.x)), None)
    if first is None:
        return
    stops = hovered(first.x)
    found = {role: _nearest(one, stops) for role, one in known.items() if len(one.x)}
    beyond = beside(marks, at, stops)
    said = []
    for number, stop in enumerate(stops):
        lines = [at.said(stop)]
        for role, values in found.items():
            if math.isfinite(values[number]):
                name, unit = names[role]
                lines.append(f"{name} {figure(float(values[number]), unit)}")
        said.append("\n".join([*lines, beyond[number]]).rstrip())
    rows.add("hover", "base", x=stops, t=said)
    for role, values in found.items():
        inside = np.isfinite(values) & (values >= ends[0]) & (values <= ends[1])
        rows.add("on", role, x=stops[inside], y=values[inside])


def _nearest(one: Band, stops: Floats) -> Floats:
    """The value of ``one`` last before each of ``stops``, or there."""
    place = np.searchsorted(one.x, stops * (1 + 1e-12), side="right") - 1
    return np.where(place >= 0, one.line[np.maximum(place, 0)], np.nan)


def _free(axis: Height, taken: list[float], above: bool) -> float:
    """A height near the top (``above``) or the bottom where a label meets none of the level lines at ``taken``."""
    places = [axis.pixels - down for down in (0, 26, 52)] if above else [36.0, 66.0, 96.0]
    free = (place for place in places if all(abs(place - 8 - axis.up(y)) > 14 for y in taken))
    return axis.value(next(free, places[0]))


def _add_spread(
    rows: Rows, x: Floats, curve: Floats, error: Floats, low: float, high: float, window: Window | None
) -> None:
    known = np.flatnonzero(np.isfinite(curve) & np.isfinite(error) & np.isfinite(x))
    if window is not None:
        known = known[max(0, np.searchsorted(x[known], window[0]) - 1) : np.searchsorted(x[known], window[1]) + 1]
    if len(known) < 2:
        return
    places = known[np.unique(np.linspace(0, len(known) - 1, MOST_BAND_POINTS).round().astype(int))]
    below, above = (np.clip(curve[places] + sign * error[places], low, high) for sign in (-1, 1))
    rows.add("spread", "val", x=x[places], y=below, y2=above)


def _clamped(values: Floats) -> Floats:
    """Without what a divergence adds on top: the axis fits what went before."""
    if len(values) < 8:
        return values
    ceiling = np.median(values) * 4
    kept = values[values <= ceiling] if ceiling > 0 else values
    return kept if len(kept) else values


def _add_sweet_range(rows: Rows, x: Floats, curve: Floats, sweet: Sweet | None, label_y: float) -> None:
    if sweet is None or not 1 <= sweet.best <= len(x) or not math.isfinite(x[sweet.best - 1]):
        return
    places = np.where(np.isfinite(x), x, np.interp(np.arange(len(x)), np.flatnonzero(np.isfinite(x)), finite(x)))
    begin, end, best = float(places[0]), float(places[-1]), float(places[sweet.best - 1])
    if sweet.band is not None:
        first, last = (float(places[min(epoch, len(x)) - 1]) for epoch in sweet.band)
        rows.add("range", "sweet", x=first, x2=last)
    rows.add("sweet", "sweet", x=best)
    side = "sweet-right" if best - begin < 0.6 * (end - begin) else "sweet-left"
    rows.add(side, "sweet", x=best, y=label_y, t=f"{sweet.title} · {sweet.value}")
    rows.add("best", "sweet", x=best, y=float(curve[sweet.best - 1]))
    if sweet.beyond is not None and sweet.beyond < len(x):
        rows.add("beyond", "val", x=float(places[sweet.beyond - 1]), x2=end)


def loss_rows(
    steps: Columns,
    epochs: Columns,
    train: str,
    val: str | None,
    *,
    at: XAxis,
    settings: ChartSettings,
    names: tuple[str, str] = ("", "new data"),
    window: Window | None = None,
) -> pa.Table:
    """A value of every step: a smoothed line over the band it moves in; the axis fits the line, spikes are clamped."""
    first, last = at.steps_within(window)
    values = _shown(steps.get(train), settings.log)
    line = band(values, first, last, window=settings.over(by_step=True), stride=steps.stride)
    line = without_places(replace(line, x=at.of_steps(line.x)))
    known = np.isfinite(at.epochs) & (np.isfinite(epochs.get(val)) if val else False)
    other = _shown(epochs.get(val or ""), settings.log)[known]
    beside_it = resampled(at.epochs[known], other, window, settings.over(by_step=False))
    seen = {"train": in_sight(line, window), "val": in_sight(beside_it, window)}
    low, high = _loss_extent(seen["train"], seen["val"], settings.log)
    rows = Rows()
    rows.add("frame", x=_span(_ends(at, steps)), y=np.array([low, high]))
    line, beside_it = (replace(one, line=np.clip(one.line, low, high)) for one in (line, beside_it))
    rows.add("band", "train", x=line.x, y=np.clip(line.low, low, high), y2=np.clip(line.high, low, high))
    rows.add("line", "train", x=line.x, y=line.line)
    if len(beside_it.x):
        _add_curve(rows, "other", "val", clipped(beside_it, low, high))
        if len(beside_it.x) <= MOST_DOTS:
            rows.add("dot", "val", x=beside_it.x, y=beside_it.line)
    _add_hover(rows, seen, {"train": (names[0], ""), "val": (names[1], "")}, at, (low, high))
    return rows.table()


def _ends(at: XAxis, steps: Columns) -> Floats:
    """The places of the first update and the last."""
    return finite(at.of_steps(np.array([1.0, max(2.0, steps.count)])))


def _loss_extent(line: Band, other: Band, log: bool) -> tuple[float, float]:
    fit = finite(line.line, other.line)
    if log:
        return fitted(fit, log)
    spread = finite(line.high - line.line)
    high = float(fit.max()) if len(fit) else 1.0
    low = float(fit.min()) if len(fit) else 0.0
    if len(spread):
        high += max(0.0, float(np.percentile(spread, 60)))
        low = min(low, float(np.percentile(finite(line.low), 10)))
    return nice_range(low, high, from_zero=low > 0 and low < 0.5 * high)


def small_rows(
    line: Floats,
    x: Floats,
    area: tuple[Floats, Floats, str] | None = None,
    scale: float = 1.0,
    *,
    at: XAxis | None = None,
    name: tuple[str, str] = ("", ""),
    settings: ChartSettings = LINEAR,
    window: Window | None = None,
    whole: Floats | None = None,
) -> pa.Table:
    """One line from zero; area: (x, values, label) drawn pale in its own scale, its largest value nearly on top.

    at: the axis that ``x`` lies on, and name: what the line is called and its unit, to tell what is under the mouse.
    whole: the ends of the axis where ``x`` is only what is in sight.
    """
    placed = np.isfinite(x)
    curve = resampled(x[placed], _shown(line * scale, settings.log)[placed], window, settings.over(by_step=False))
    seen = in_sight(curve, window)
    low, high = fitted(finite(seen.line), settings.log, from_zero=True)
    rows = Rows()
    rows.add("frame", x=_span(x[placed] if whole is None else finite(whole)), y=np.array([low, high]))
    if area is not None and len(area[0]):
        top = max(1e-12, float(np.nanmax(area[1])), 1.0 if np.nanmax(area[1]) <= 1 else 0.0)
        axis = Height(low, high, 1.0, settings.log)
        area_x, area_y = thin(area[0], area[1] / top)
        rows.add(
            "area", "base", x=area_x, y=np.array([axis.value(0.92 * one) for one in area_y]),
            y2=np.full(len(area_x), low),
        )  # fmt: skip
        rows.add("inside", "base", x=0.0, t=area[2])
    _add_curve(rows, "line", "train", clipped(curve, low, high))
    if at is not None:
        _add_hover(rows, {"train": seen}, {"train": name}, at, (low, high))
    return rows.table()


def gap_rows(
    gap: Floats, best: int | None, limit: float, *, at: XAxis, settings: ChartSettings, window: Window | None = None
) -> pa.Table:
    """The overfitting gap by epoch as a percentage, with the line that a warning begins at; linear: it crosses zero."""
    x = at.epochs
    placed = np.isfinite(x)
    curve = resampled(x[placed], gap[placed] * 100, window, settings.over(by_step=False))
    seen = in_sight(curve, window)
    low, high = extent(finite(seen.line, np.array([0.0, 2 * limit * 100])), from_zero=True)
    rows = Rows()
    rows.add("frame", x=_span(x[placed]), y=np.array([low, high]))
    rows.add("limit", "base", y=limit * 100)
    _add_curve(rows, "line", "val", clipped(curve, low, high))
    if best is not None and 1 <= best <= len(gap) and np.isfinite(gap[best - 1]):
        rows.add("dot", "sweet", x=float(x[best - 1]), y=float(gap[best - 1] * 100))
    _add_hover(rows, {"val": seen}, {"val": ("gap in %", "")}, at, (low, high))
    return rows.table()


def dimension_rows(values: Floats) -> pa.Table:
    """One bar for each number of a list, the largest first."""
    shown = np.sort(finite(values))[::-1]
    low, high = extent(shown, from_zero=True)
    places = np.arange(1, len(shown) + 1, dtype=float)
    rows = Rows()
    rows.add("frame", x=np.array([0.5, max(1, len(shown)) + 0.5]), y=np.array([low, high]))
    rows.add("bar", "train", x=places - 0.4, x2=places + 0.4, y=shown, y2=np.zeros(len(shown)))
    return rows.table()


def _span(x: Floats) -> Floats:
    """First and last of ``x``; a single one stands in the middle."""
    if not len(x):
        return np.array([0.0, 1.0])
    return np.array([x[0], x[-1]]) if x[-1] > x[0] else np.array([x[0] - 0.5, x[0] + 0.5])
