"""The rows of a run's curves: from its numbers to one small table a chart. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.charts.sweet_range import Sweet
from app.charts.table import Rows, extent, finite, nice_range, spread_labels, thin
from app.look.words import figure
from app.runs.columns import Columns, Floats, band

Window = tuple[float, float]
MOST_BAND_POINTS = 200
MARKS_PX = 24  # What the marks of the previews need below the curves.
MOST_PREVIEWS = 40  # Marks under the axis; the list beside the chart has them all.


def _in_window(x: Floats, window: Window | None) -> np.ndarray:
    if window is None:
        return np.ones(len(x), bool)
    return (x >= window[0]) & (x <= window[1])


def main_rows(
    epochs: Columns,
    metric: str,
    reference: str,
    *,
    unit: str,
    baseline: float | None,
    sweet: Sweet | None,
    better: str,
    previews: Sequence[int],
    names: tuple[str, str, str],
    standard_error: str | None = None,
    window: Window | None = None,
    height: int = 368,
) -> pa.Table:
    """The main chart. names: what new items, its own items and the baseline are called here.

    standard_error: the metric that says how sure ``metric`` is; drawn as a pale band around it.
    """
    x = np.arange(1, epochs.count + 1, dtype=float)
    curves = {"val": epochs.get(metric), "train": epochs.get(reference)}
    shown = _in_window(x, window)
    values = finite(*(curve[shown] for curve in curves.values()))
    extra = [baseline] if baseline is not None and math.isfinite(baseline) else []
    low = min([*values, *extra], default=0.0)
    high = max([*_clamped(values), *extra], default=1.0)
    lowest = low
    low, high = nice_range(low, high)
    if previews:
        low = min(low, lowest - MARKS_PX * (high - low) / height)
    rows = Rows()
    begin, end = _span(x)
    margin = 0.02 * (end - begin)  # so that the first and the last mark are whole
    rows.add("frame", x=np.array([begin - margin, end + margin]), y=np.array([low, high]))
    labels: list[tuple[str, str, float]] = []
    if extra:
        rows.add("base", "base", y=extra[0])
        labels.append((names[2], "base", extra[0]))
    # Scores crowd at the top, errors at the bottom: the label of the sweet spot stands where the curves are not.
    _add_sweet_range(rows, x, curves["val"], sweet, _free(low, high, height, extra, above=better == "lower"))
    for (role, curve), name in zip(curves.items(), names[:2], strict=True):
        if not np.isfinite(curve).any():
            continue
        thin_x, thin_y = thin(x, np.minimum(curve, high))
        if role == "val" and standard_error is not None:
            _add_spread(rows, x, curve, epochs.get(standard_error), low, high)
        rows.add("dot" if np.isfinite(curve).sum() == 1 else role, role, x=thin_x, y=thin_y)
        rows.add("hover", role, x=thin_x, y=thin_y)
        labels.append((name, role, float(curve[np.isfinite(curve)][-1])))
    if previews:
        heard = np.array(sorted({epoch for epoch in previews if 1 <= epoch <= epochs.count}), float)
        if len(heard):
            rows.add("preview", "base", x=heard[:: math.ceil(len(heard) / MOST_PREVIEWS)])
    places = spread_labels([value for _, _, value in labels], low, high, height)
    for (name, role, value), place in zip(labels, places, strict=True):
        rows.add("label", role, y=place, t=f"{name} {figure(value, unit).removesuffix(' dB')}")
    return rows.table()


def _free(low: float, high: float, height: int, taken: list[float], above: bool) -> float:
    """A height near the top (``above``) or the bottom where a label meets none of the level lines at ``taken``."""
    pixel = (high - low) / height
    places = [high - down * pixel for down in (0, 26, 52)] if above else [low + up * pixel for up in (36, 66, 96)]
    return next((place for place in places if all(abs(place - 8 * pixel - y) > 14 * pixel for y in taken)), places[0])


def _add_spread(rows: Rows, x: Floats, curve: Floats, error: Floats, low: float, high: float) -> None:
    known = np.isfinite(curve) & np.isfinite(error)
    if known.sum() < 2:
        return
    below, above = (np.clip(curve + sign * error, low, high)[known] for sign in (-1, 1))
    places = np.unique(np.linspace(0, known.sum() - 1, MOST_BAND_POINTS).round().astype(int))
    rows.add("spread", "val", x=x[known][places], y=below[places], y2=above[places])


def _clamped(values: Floats) -> Floats:
    """Without what a divergence adds on top: the axis fits what went before."""
    if len(values) < 8:
        return values
    ceiling = np.median(values) * 4
    kept = values[values <= ceiling] if ceiling > 0 else values
    return kept if len(kept) else values


def _add_sweet_range(rows: Rows, x: Floats, curve: Floats, sweet: Sweet | None, label_y: float) -> None:
    if sweet is None or not 1 <= sweet.best <= len(x):
        return
    best, end = sweet.best, float(x[-1])
    if sweet.band is not None:
        rows.add("range", "sweet", x=float(sweet.band[0]), x2=min(end, float(sweet.band[1])))
    rows.add("sweet", "sweet", x=float(best))
    side = "sweet-right" if best - 1 < 0.3 * (end - 1) else "sweet-left"
    rows.add(side, "sweet", x=float(best), y=label_y, t=f"{sweet.name} · epoch {best}")
    rows.add("best", "sweet", x=float(best), y=float(curve[best - 1]))
    if sweet.beyond is not None and sweet.beyond < end:
        rows.add("beyond", "val", x=float(sweet.beyond), x2=end)


def loss_rows(steps: Columns, epochs: Columns, train: str, val: str | None, window: Window | None = None) -> pa.Table:
    """A value of every step: a smoothed line over the band it moves in; the axis fits the line, spikes are clamped."""
    values = steps.get(train)
    first, last = (1, steps.count) if window is None else (math.floor(window[0]), math.ceil(window[1]))
    curve = band(values, first, last, stride=steps.stride)
    val_x, val_y = _epoch_curve(steps, epochs, val)
    seen = _in_window(val_x, window)
    fit = finite(curve.line, val_y[seen])
    spread = finite(curve.high - curve.line)
    high = float(fit.max()) if len(fit) else 1.0
    low = float(fit.min()) if len(fit) else 0.0
    if len(spread):
        high += max(0.0, float(np.percentile(spread, 60)))
        low = min(low, float(np.percentile(finite(curve.low), 10)))
    low, high = nice_range(low, high, from_zero=low > 0 and low < 0.5 * high)
    rows = Rows()
    rows.add("frame", x=np.array([1.0, max(2.0, steps.count)]), y=np.array([low, high]))
    rows.add("band", "train", x=curve.x, y=np.clip(curve.low, low, high), y2=np.clip(curve.high, low, high))
    rows.add("line", "train", x=curve.x, y=np.clip(curve.line, low, high))
    if len(val_x):
        thin_x, thin_y = thin(val_x, np.clip(val_y, low, high))
        rows.add("other", "val", x=thin_x, y=thin_y)
        if len(thin_x) <= 60:
            rows.add("dot", "val", x=thin_x, y=thin_y)
    return rows.table()


def _epoch_curve(steps: Columns, epochs: Columns, name: str | None) -> tuple[Floats, Floats]:
    """A metric of epochs over steps: where the epoch ended."""
    if name is None or not epochs.count:
        return np.empty(0), np.empty(0)
    ends, values = epochs.get("step"), epochs.get(name)
    if not np.isfinite(ends).any():
        return np.empty(0), np.empty(0)
    good = np.isfinite(ends) & np.isfinite(values) & (ends >= 1) & (ends <= steps.count)
    return ends[good], values[good]


def small_rows(line: Floats, x: Floats, area: tuple[Floats, Floats, str] | None = None, scale: float = 1.0) -> pa.Table:
    """One line from zero; area: (x, values, label) drawn pale in its own scale, its largest value nearly on top."""
    thin_x, thin_y = thin(x, line * scale)
    low, high = extent(finite(thin_y), from_zero=True)
    rows = Rows()
    rows.add("frame", x=_span(x), y=np.array([low, high]))
    if area is not None and len(area[0]):
        top = max(1e-12, float(np.nanmax(area[1])), 1.0 if np.nanmax(area[1]) <= 1 else 0.0)
        area_x, area_y = thin(area[0], area[1] / top * 0.92 * (high - low) + low)
        rows.add("area", "base", x=area_x, y=area_y, y2=np.full(len(area_x), low))
        rows.add("inside", "base", x=0.0, t=area[2])
    rows.add("line" if np.isfinite(thin_y).sum() > 1 else "dot", "train", x=thin_x, y=thin_y)
    return rows.table()


def gap_rows(gap: Floats, best: int | None, limit: float) -> pa.Table:
    """The overfitting gap by epoch as a percentage, with the line that a warning begins at."""
    x = np.arange(1, len(gap) + 1, dtype=float)
    thin_x, thin_y = thin(x, gap * 100)
    low, high = extent(finite(thin_y, np.array([0.0, 2 * limit * 100])), from_zero=True)
    rows = Rows()
    rows.add("frame", x=_span(x), y=np.array([low, high]))
    rows.add("limit", "base", y=limit * 100)
    rows.add("line" if np.isfinite(thin_y).sum() > 1 else "dot", "val", x=thin_x, y=thin_y)
    if best is not None and 1 <= best <= len(gap) and np.isfinite(gap[best - 1]):
        rows.add("dot", "sweet", x=float(best), y=float(gap[best - 1] * 100))
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
