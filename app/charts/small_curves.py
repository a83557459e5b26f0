"""The rows of a run's small charts: from its numbers to one small table each. Pure, no Streamlit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa

from app.charts.curves import add_curve, add_hover, shown, span
from app.charts.resampled import clipped, in_sight, resampled, without_places
from app.charts.settings import ChartSettings
from app.charts.table import Height, Rows, extent, finite, fitted, nice_range, thin
from app.charts.x_axis import Window, XAxis
from app.runs.columns import Band, Columns, Floats, band

LINEAR = ChartSettings()
MOST_DOTS = 60


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
    values = shown(steps.get(train), settings.log)
    line = band(values, first, last, window=settings.over(by_step=True), stride=steps.stride)
    line = without_places(replace(line, x=at.of_steps(line.x)))
    known = np.isfinite(at.epochs) & (np.isfinite(epochs.get(val)) if val else False)
    other = shown(epochs.get(val or ""), settings.log)[known]
    beside_it = resampled(at.epochs[known], other, window, settings.over(by_step=False))
    seen = {"train": in_sight(line, window), "val": in_sight(beside_it, window)}
    low, high = _loss_extent(seen["train"], seen["val"], settings.log)
    rows = Rows()
    rows.add("frame", x=span(_ends(at, steps)), y=np.array([low, high]))
    line, beside_it = (replace(one, line=np.clip(one.line, low, high)) for one in (line, beside_it))
    rows.add("band", "train", x=line.x, y=np.clip(line.low, low, high), y2=np.clip(line.high, low, high))
    rows.add("line", "train", x=line.x, y=line.line)
    if len(beside_it.x):
        add_curve(rows, "other", "val", clipped(beside_it, low, high))
        if len(beside_it.x) <= MOST_DOTS:
            rows.add("dot", "val", x=beside_it.x, y=beside_it.line)
    add_hover(rows, seen, {"train": (names[0], ""), "val": (names[1], "")}, at, (low, high))
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
    curve = resampled(x[placed], shown(line * scale, settings.log)[placed], window, settings.over(by_step=False))
    seen = in_sight(curve, window)
    low, high = fitted(finite(seen.line), settings.log, from_zero=True)
    rows = Rows()
    rows.add("frame", x=span(x[placed] if whole is None else finite(whole)), y=np.array([low, high]))
    if area is not None and len(area[0]):
        top = max(1e-12, float(np.nanmax(area[1])), 1.0 if np.nanmax(area[1]) <= 1 else 0.0)
        axis = Height(low, high, 1.0, settings.log)
        area_x, area_y = thin(area[0], area[1] / top)
        rows.add(
            "area", "base", x=area_x, y=np.array([axis.value(0.92 * one) for one in area_y]),
            y2=np.full(len(area_x), low),
        )  # fmt: skip
        rows.add("inside", "base", x=0.0, t=area[2])
    add_curve(rows, "line", "train", clipped(curve, low, high))
    if at is not None:
        add_hover(rows, {"train": seen}, {"train": name}, at, (low, high))
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
    rows.add("frame", x=span(x[placed]), y=np.array([low, high]))
    rows.add("limit", "base", y=limit * 100)
    add_curve(rows, "line", "val", clipped(curve, low, high))
    if best is not None and 1 <= best <= len(gap) and np.isfinite(gap[best - 1]):
        rows.add("dot", "sweet", x=float(x[best - 1]), y=float(gap[best - 1] * 100))
    add_hover(rows, {"val": seen}, {"val": ("gap in %", "")}, at, (low, high))
    return rows.table()


def dimension_rows(values: Floats) -> pa.Table:
    """One bar for each number of a list, the largest first."""
    ordered = np.sort(finite(values))[::-1]
    low, high = extent(ordered, from_zero=True)
    ranks = np.arange(1, len(ordered) + 1, dtype=float)
    rows = Rows()
    rows.add("frame", x=np.array([0.5, max(1, len(ordered)) + 0.5]), y=np.array([low, high]))
    rows.add("bar", "train", x=ranks - 0.4, x2=ranks + 0.4, y=ordered, y2=np.zeros(len(ordered)))
    return rows.table()
