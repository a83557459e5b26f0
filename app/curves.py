"""The rows that charts draw: from a run's numbers to one small table a chart. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.columns import Columns, Floats, band
from app.words import figure
from engine.metrics import smooth
from engine.rundir.schema import FileRow, MetricSpec

LABEL_PX = 18.0
MAX_POINTS = 1_000
Window = tuple[float, float]


class Rows:
    """A table under construction: one kind of mark at a time, numbers or arrays."""

    def __init__(self) -> None:
        self._numbers: dict[str, list[Floats]] = {name: [] for name in ("x", "y", "x2", "y2")}
        self._texts: dict[str, list[str]] = {name: [] for name in ("k", "s", "t")}

    def add(
        self,
        k: str,
        s: str = "base",
        x: float | Floats = math.nan,
        y: float | Floats = math.nan,
        x2: float | Floats = math.nan,
        y2: float | Floats = math.nan,
        t: str | Sequence[str] = "",
    ) -> None:
        size = max(np.size(value) for value in (x, y, x2, y2))
        for name, value in (("x", x), ("y", y), ("x2", x2), ("y2", y2)):
            self._numbers[name].append(np.broadcast_to(np.asarray(value, float), size))
        for name, text in (("k", k), ("s", s), ("t", t)):
            self._texts[name] += [text] * size if isinstance(text, str) else list(text)

    def table(self) -> pa.Table:
        """Numbers that are not finite become null, which Vega leaves out."""
        numbers = {name: np.concatenate(parts) for name, parts in self._numbers.items()}
        columns = {name: pa.array(values, mask=~np.isfinite(values)) for name, values in numbers.items()}
        return pa.table(columns | {name: pa.array(texts, pa.string()) for name, texts in self._texts.items()})


def nice_range(low: float, high: float, ticks: int = 4, from_zero: bool = False) -> tuple[float, float]:
    """A range round ``low`` to ``high`` that ends on round numbers."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if from_zero:
        low = min(low, 0.0)
    span = high - low or abs(high) or 1.0
    raw = span / ticks
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999) / (1 if from_zero else 2)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _extent(finite: Floats, from_zero: bool) -> tuple[float, float]:
    """A nice range round all of ``finite``."""
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return nice_range(low, high, from_zero=from_zero)


def spread_labels(values: list[float], low: float, high: float, height: float) -> list[float]:
    """``values`` moved apart until labels of 18 px do not touch, in order, within the range."""
    if high <= low:
        return values
    gap = LABEL_PX * (high - low) / height
    order = sorted(range(len(values)), key=values.__getitem__)
    placed = [min(max(values[i], low), high) for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    overshoot = max(0.0, placed[-1] - high) if placed else 0.0
    placed = [value - overshoot for value in placed]
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - gap)
    out = list(values)
    for place, i in zip(placed, order, strict=True):
        out[i] = place
    return out


def _finite(*arrays: Floats) -> Floats:
    joined = np.concatenate(arrays) if arrays else np.empty(0)
    return joined[np.isfinite(joined)]


def _in_window(x: Floats, window: Window | None) -> np.ndarray:
    if window is None:
        return np.ones(len(x), bool)
    return (x >= window[0]) & (x <= window[1])


def _thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most about a thousand points; minimum and maximum of each bucket stay."""
    size = 1
    while len(x) / size > MAX_POINTS / 2:
        size *= 2
    if size == 1:
        return x, y
    keep: list[int] = []
    for start in range(0, len(x), size):
        part = y[start : start + size]
        if np.isfinite(part).any():
            keep += sorted({start + int(np.nanargmin(part)), start + int(np.nanargmax(part))})
        else:
            keep.append(start)
    return x[keep], y[keep]


def main_rows(
    epochs: Columns,
    metric: str,
    reference: str,
    *,
    unit: str,
    baseline: float | None,
    best_epoch: int | None,
    better: str,
    previews: Sequence[int],
    names: tuple[str, str, str],
    window: Window | None = None,
    height: int = 368,
) -> pa.Table:
    """The main chart. names: what new items, its own items and the best constant answer are called here."""
    x = np.arange(1, epochs.count + 1, dtype=float)
    curves = {"val": epochs.get(metric), "train": epochs.get(reference)}
    shown = _in_window(x, window)
    values = _finite(*(curve[shown] for curve in curves.values()))
    extra = [baseline] if baseline is not None and math.isfinite(baseline) else []
    low = min([*values, *extra], default=0.0)
    high = max([*_clamped(values), *extra], default=1.0)
    low, high = nice_range(low, high)
    rows = Rows()
    rows.add("frame", x=np.array([1.0, max(2.0, x[-1] if len(x) else 2.0)]), y=np.array([low, high]))
    labels: list[tuple[str, str, float]] = []
    if extra:
        rows.add("base", "base", y=extra[0])
        labels.append((names[2], "base", extra[0]))
    _add_sweet_spot(rows, x, curves["val"], best_epoch, better)
    for (role, curve), name in zip(curves.items(), names[:2], strict=True):
        if not np.isfinite(curve).any():
            continue
        thin_x, thin_y = _thin(x, np.minimum(curve, high))
        rows.add("dot" if np.isfinite(curve).sum() == 1 else role, role, x=thin_x, y=thin_y)
        rows.add("hover", role, x=thin_x, y=thin_y)
        labels.append((name, role, float(curve[np.isfinite(curve)][-1])))
    if previews:
        heard = np.array(sorted({epoch for epoch in previews if 1 <= epoch <= epochs.count}), float)
        if len(heard):
            rows.add("preview", "base", x=_thin(heard, heard)[0])
    places = spread_labels([value for _, _, value in labels], low, high, height)
    for (name, role, value), place in zip(labels, places, strict=True):
        rows.add("label", role, y=place, t=f"{name} {figure(value, unit).removesuffix(' dB')}")
    return rows.table()


def _clamped(values: Floats) -> Floats:
    """Without what a divergence adds on top: the axis fits what went before."""
    if len(values) < 8:
        return values
    ceiling = np.median(values) * 4
    kept = values[values <= ceiling] if ceiling > 0 else values
    return kept if len(kept) else values


def _add_sweet_spot(rows: Rows, x: Floats, curve: Floats, best: int | None, better: str) -> None:
    if best is None or not 1 <= best <= len(x):
        return
    rows.add("sweet", "sweet", x=float(best))
    side = "sweet-right" if best - 1 < 0.3 * (x[-1] - 1) else "sweet-left"
    rows.add(side, "sweet", x=float(best), t=f"sweet spot · epoch {best}")
    rows.add("best", "sweet", x=float(best), y=float(curve[best - 1]))
    if best < x[-1]:
        rows.add("beyond", "val", x=float(best), x2=float(x[-1]))


def loss_rows(steps: Columns, epochs: Columns, train: str, val: str | None, window: Window | None = None) -> pa.Table:
    """A value of every step: a smoothed line over the band it moves in; the axis fits the line, spikes are clamped."""
    values = steps.get(train)
    first, last = (1, steps.count) if window is None else (math.floor(window[0]), math.ceil(window[1]))
    thin = band(values, first, last)
    val_x, val_y = _epoch_curve(steps, epochs, val)
    seen = _in_window(val_x, window)
    fit = _finite(thin.line, val_y[seen])
    spread = _finite(thin.high - thin.line)
    high = float(fit.max()) if len(fit) else 1.0
    low = float(fit.min()) if len(fit) else 0.0
    if len(spread):
        high += float(np.percentile(spread, 60))
        low = min(low, float(np.percentile(_finite(thin.low), 10)))
    low, high = nice_range(low, high, from_zero=low > 0 and low < 0.5 * high)
    rows = Rows()
    rows.add("frame", x=np.array([1.0, max(2.0, steps.count)]), y=np.array([low, high]))
    rows.add("band", "train", x=thin.x, y=np.clip(thin.low, low, high), y2=np.clip(thin.high, low, high))
    rows.add("line", "train", x=thin.x, y=np.clip(thin.line, low, high))
    if len(val_x):
        thin_x, thin_y = _thin(val_x, np.clip(val_y, low, high))
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


def small_rows(
    line: Floats, x: Floats, area: tuple[Floats, Floats, str] | None = None, scale: float = 1.0, role: str = "train"
) -> pa.Table:
    """One line from zero; area: (x, values, label) drawn pale in its own scale, its largest value nearly on top."""
    thin_x, thin_y = _thin(x, line * scale)
    finite = _finite(thin_y)
    low, high = _extent(finite, from_zero=True)
    rows = Rows()
    rows.add("frame", x=np.array([1.0, max(2.0, x[-1] if len(x) else 2.0)]), y=np.array([low, high]))
    if area is not None and len(area[0]):
        top = max(1e-12, float(np.nanmax(area[1])), 1.0 if np.nanmax(area[1]) <= 1 else 0.0)
        area_x, area_y = _thin(area[0], area[1] / top * 0.92 * (high - low) + low)
        rows.add("area", "base", x=area_x, y=area_y, y2=np.full(len(area_x), low))
        rows.add("inside", "base", x=0.0, t=area[2])
    rows.add("line" if np.isfinite(thin_y).sum() > 1 else "dot", role, x=thin_x, y=thin_y)
    return rows.table()


def pair_rows(x: Floats, pairs: Sequence[tuple[str, Floats, str]], zero: bool = True) -> pa.Table:
    """Several curves by role, the label of each in the corner of its end: (role, values, label)."""
    finite = _finite(*(values for _, values, _ in pairs))
    low, high = _extent(finite, from_zero=zero)
    rows = Rows()
    rows.add("frame", x=np.array([x[0], x[-1]]) if len(x) > 1 else np.array([0.0, 1.0]), y=np.array([low, high]))
    for role, values, _ in pairs:
        thin_x, thin_y = _thin(x, values)
        rows.add("line" if np.isfinite(thin_y).sum() > 1 else "dot", role, x=thin_x, y=thin_y)
    return rows.table()


def strip_rows(done: float, sweet: tuple[float, int] | None, previews: Sequence[float], ended: bool) -> pa.Table:
    """The bar of a run: parts of 1. done: how far; sweet: (where, epoch); previews: where they were made."""
    rows = Rows()
    rows.add("left", "track", x=0.0, x2=1.0)
    if done > 0:
        if sweet is not None and sweet[0] < done:
            rows.add("past", "val", x=0.0, x2=done)
            rows.add("done", "done", x=0.0, x2=sweet[0])
            if sweet[0] > 0.01:
                rows.add("square", "done", x=sweet[0] - min(0.006, sweet[0] / 2), x2=sweet[0])
        else:
            rows.add("done", "done", x=0.0, x2=done)
    heard = [at for at in previews if 0.004 < at <= done]
    thinned = heard[:: max(1, len(heard) // 60)]
    if thinned:
        rows.add("dot", "track", x=np.array(thinned))
    if sweet is not None and done > 0:
        rows.add("tick", "sweet", x=sweet[0])
        kind = "label-left" if sweet[0] < 0.05 else "label-right" if sweet[0] > 0.95 else "label"
        rows.add(kind, "sweet", x=sweet[0], t=f"sweet spot {sweet[1]}")
    return rows.table()


def length_rows(files: Sequence[FileRow], many: int = 150) -> tuple[bool, pa.Table]:
    """(whether these are dots, rows): lengths of the usable sounds, learning and checking ones apart."""
    known = [row for row in files if row.verdict != "skipped" and row.duration_s is not None]
    lengths = np.array([row.duration_s for row in known], float)
    low, high = (0.0, float(lengths.max())) if len(lengths) else (0.0, 1.0)
    low, high = nice_range(low, high, ticks=5)
    dots = len(known) <= many
    bins = 40 if dots else 60
    place = np.clip(((lengths - low) / (high - low) * bins).round().astype(int), 0, bins)
    rows = Rows()
    if not dots:
        _add_bars(rows, place, [row.split == "val" for row in known], low, (high - low) / bins)
        rows.add("frame", x=np.array([low, high]))
        return False, rows.table()
    tallest = max([5, *np.bincount(place)]) if len(place) else 5
    rows.add("frame", x=np.array([low, high]), y=np.array([0.3, tallest + 0.7]))
    height: dict[int, int] = {}
    for row, bucket in sorted(zip(known, place.tolist(), strict=True), key=lambda pair: pair[0].split != "train"):
        height[bucket] = height.get(bucket, 0) + 1
        check = row.split == "val"
        rows.add(
            "check" if check else "learn", "val" if check else "train", x=low + bucket * (high - low) / bins,
            y=float(height[bucket]), y2=float(row.duration_s or 0), t=row.path,
        )  # fmt: skip
    return True, rows.table()


def _add_bars(rows: Rows, place: np.ndarray, checks: list[bool], low: float, width: float) -> None:
    check = np.array(checks)
    learns, checking = np.bincount(place[~check], minlength=1), np.bincount(place[check], minlength=1)
    size = max(len(learns), len(checking))
    learns, checking = np.pad(learns, (0, size - len(learns))), np.pad(checking, (0, size - len(checking)))
    left: Floats = low + np.arange(size, dtype=np.float64) * width
    gap = width * 0.12
    rows.add("bar", "train", x=left + gap, x2=left + width - gap, y=np.zeros(size), y2=learns.astype(float))
    rows.add(
        "bar", "val", x=left + gap, x2=left + width - gap, y=learns.astype(float), y2=(learns + checking).astype(float)
    )


def smoothed_best(values: Floats, better: str) -> int | None:
    """The epoch where the smoothed curve is best: the engine's own meaning of "best"."""
    curve = np.array(smooth(values.tolist()))
    if not np.isfinite(curve).any():
        return None
    return int(np.nanargmin(curve) if better == "lower" else np.nanargmax(curve)) + 1


def charted(specs: Sequence[MetricSpec], chart: str) -> list[MetricSpec]:
    return [spec for spec in specs if spec.chart == chart]
