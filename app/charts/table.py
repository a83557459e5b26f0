"""The table a chart is drawn from, and the arithmetic of axes and labels. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
from tsdownsample import MinMaxDownsampler

from app.runs.columns import Floats

LABEL_PX = 18.0
MAX_POINTS = 1_000
_MINMAX = MinMaxDownsampler()  # type: ignore[no-untyped-call]


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
        """Marks of kind ``k`` and role ``s``, one for each entry of the arrays; none where one of them is empty."""
        sizes = [value.size if isinstance(value, np.ndarray) else 1 for value in (x, y, x2, y2)]
        size = max(sizes) if min(sizes) else 0
        if not size:
            return
        for name, value in (("x", x), ("y", y), ("x2", x2), ("y2", y2)):
            whole = isinstance(value, np.ndarray) and value.size == size
            self._numbers[name].append(np.asarray(value) if whole else np.full(size, value, float))
        for name, text in (("k", k), ("s", s), ("t", t)):
            self._texts[name] += [text] * size if isinstance(text, str) else list(text)

    def table(self) -> pa.Table:
        """Numbers that are not finite become null, which Vega leaves out.

        A chart is sent whole whenever it is drawn, so its rows are small: numbers have the seven digits that no pixel
        exceeds, kinds and roles are entries of a dictionary.
        """
        numbers = {name: np.concatenate(parts).astype(np.float32) for name, parts in self._numbers.items()}
        columns = {name: pa.array(values, mask=~np.isfinite(values)) for name, values in numbers.items()}
        texts = {name: pa.array(one, pa.string()) for name, one in self._texts.items()}
        coded = {name: texts[name].dictionary_encode() for name in ("k", "s")}
        return pa.table(columns | texts | coded)


def nice_range(low: float, high: float, ticks: int = 4, from_zero: bool = False) -> tuple[float, float]:
    """A range round ``low`` to ``high`` that ends on round numbers."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return 0.0, 1.0
    if from_zero:
        low = min(low, 0.0)
    if high <= low:
        pad = abs(high) / 2 or 0.5
        low, high = (low if from_zero and low == 0 else low - pad), high + pad
    span = high - low
    raw = span / ticks
    power = 10 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999) / (1 if from_zero else 4)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def fitted(values: Floats, log: bool, from_zero: bool = False) -> tuple[float, float]:
    """A range round all of ``values``, which are finite, and positive where it is logarithmic."""
    if not log:
        return extent(values, from_zero)
    return (float(values.min()) / 1.1, float(values.max()) * 1.1) if len(values) else (0.1, 1.0)


def extent(values: Floats, from_zero: bool) -> tuple[float, float]:
    """A nice range round all of ``values``, which are finite."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)
    return nice_range(low, high, from_zero=from_zero)


class Height:
    """Pixels up an axis from ``low_value`` to ``high_value``, linear or logarithmic."""

    def __init__(self, low: float, high: float, pixels: float, log: bool = False) -> None:
        self._scale: Callable[[float], float] = math.log if log else float
        self._back: Callable[[float], float] = math.exp if log else float
        self.low_value, self.high_value, self.pixels = low, high, pixels
        self.low = self._scale(low)
        self.pixel = (self._scale(high) - self.low) / pixels

    def up(self, value: float) -> float:
        return (self._scale(value) - self.low) / self.pixel

    def value(self, up: float) -> float:
        return self._back(self.low + up * self.pixel)

    def spread(self, values: list[float]) -> list[float]:
        """``values``, each within the axis, moved apart until labels do not touch."""
        return [
            self.value(place) for place in spread_labels([self.up(one) for one in values], 0, self.pixels, self.pixels)
        ]


def spread_labels(values: list[float], low: float, high: float, height: float) -> list[float]:
    """``values`` moved apart until labels of 18 px do not touch, in order, within the range."""
    if high <= low:
        return values
    gap = LABEL_PX * (high - low) / height
    order = sorted(range(len(values)), key=values.__getitem__)
    placed = [min(max(values[i], low), high) for i in order]
    for i in range(1, len(placed)):
        placed[i] = max(placed[i], placed[i - 1] + gap)
    if placed:
        placed[-1] = min(placed[-1], high)
    for i in range(len(placed) - 2, -1, -1):
        placed[i] = min(placed[i], placed[i + 1] - gap)
    out = list(values)
    for place, i in zip(placed, order, strict=True):
        out[i] = place
    return out


def finite(*arrays: Floats) -> Floats:
    joined = np.concatenate(arrays) if arrays else np.empty(0)
    return joined[np.isfinite(joined)]


def thin(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """At most about a thousand points; minimum and maximum of each bucket stay.

    Buckets hold a power of two of values, so what stands in a full one never moves. (Of MinMaxLTTB's points more than
    half move when a thousand come to 900,000: its buckets are parts of the whole.) NaN alone leaves a gap.
    """
    size = 1
    while len(x) / size > MAX_POINTS / 2:
        size *= 2
    if size == 1:
        return x, y
    full = len(y) // size * size
    keep = [_MINMAX.downsample(y[:full], n_out=2 * full // size).astype(np.int64)]
    if full < len(y):
        low, high = (pick(y[full:]) if not np.isnan(y[full:]).all() else 0 for pick in (np.nanargmin, np.nanargmax))
        keep.append(np.unique([full + low, full + high]))
    places = np.unique(np.concatenate(keep))
    return x[places], y[places]
