"""Numbers of a run that grow step by step, and the thinned view of them that a chart gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
REACH = 4  # Steps a band looks round itself while every step has its own point.
MOST_COLUMNS = 1_024  # A figure for each latent dimension is the most a task has.
MOST_ROWS = 2_000_000  # Above, every second one goes: a screen has a thousand points, a laptop not all the memory.
MOST_CELLS = 1 << 25  # Rows times columns, 270 MB: sixteen columns of two million rows. Above, rows go too.
MAX_STEPS = 200_000_000  # A step beyond this is a damaged line, not an update: it must not claim the memory.


class Columns:
    """Columns over an index that counts from 1, one per name; NaN where nothing was said.

    The last record of an index wins, and the last record says where the run stands: after a resume, what a killed
    process wrote beyond the checkpoint disappears until it is written again.

    count: the last index. stride: how many indices one row stands for, by the last of them that was put; it doubles
    when there would be more than ``MOST_ROWS``, or of many columns than ``MOST_CELLS`` leave room for.
    """

    def __init__(self, stride: int = 1) -> None:
        self.count = 0
        self.stride = stride
        self._columns: dict[str, Floats] = {}
        self._capacity = 0

    def names(self) -> list[str]:
        return list(self._columns)

    @property
    def rows(self) -> int:
        return -(-self.count // self.stride)

    def index(self) -> NDArray[np.int64]:
        """The index each row stands at: 1...count, thinned by ``stride``."""
        return np.minimum(np.arange(1, self.rows + 1) * self.stride, self.count)

    def get(self, name: str) -> Floats:
        """The column, a value a row (a view: do not write); all NaN for a name never seen."""
        column = self._columns.get(name)
        return np.full(self.rows, np.nan) if column is None else column[: self.rows]

    def at(self, name: str, index: Floats) -> Floats:
        """The values at indices, each within 1...count."""
        found: Floats = self.get(name)[(index.astype(np.int64) - 1) // self.stride]
        return found

    def last(self, name: str) -> float | None:
        """The value at the last index: NaN where nothing was said there, None before the first row."""
        column = self.get(name)
        return float(column[-1]) if len(column) else None

    def put(self, index: NDArray[np.int64], values: dict[str, Floats]) -> None:
        """Rows in the order of the file. An index out of range is left out."""
        sane = (index >= 1) & (index <= MAX_STEPS)
        if not sane.all():
            index, values = index[sane], {name: column[sane] for name, column in values.items()}
        if not len(index):
            return
        names = min(len(self._columns.keys() | values.keys()), MOST_COLUMNS)
        most = min(MOST_ROWS, MOST_CELLS // max(1, names))
        while (max(int(index.max()), self.count) - 1) // self.stride >= most:
            self._halve()
        row = (index - 1) // self.stride
        self._reserve(int(row.max()) + 1, most)
        for name in self._columns.keys() - values.keys():
            self._columns[name][row] = np.nan  # what a killed process said there, and this one does not
        for name, column in values.items():
            if name not in self._columns:
                if len(self._columns) == MOST_COLUMNS:
                    continue
                self._columns[name] = np.full(self._capacity, np.nan)
            self._columns[name][row] = column  # of equal rows numpy keeps the last
        self.count = int(index[-1])

    def _halve(self) -> None:
        for name, column in self._columns.items():
            kept = column[1::2].copy()
            if self.rows % 2:  # the last one has no second yet
                kept = np.append(kept[: self.rows // 2], column[self.rows - 1])
            grown = np.full(-(-self._capacity // 2), np.nan)
            grown[: len(kept)] = kept
            self._columns[name] = grown
        self._capacity = -(-self._capacity // 2)
        self.stride *= 2

    def _reserve(self, size: int, most: int) -> None:
        """Room for ``size`` rows, and for no more than ``most``."""
        if size <= self._capacity <= most:
            return
        self._capacity = min(max(1024, size, 2 * self._capacity), most)
        for name, column in self._columns.items():
            kept = column[: self._capacity]
            grown = np.full(self._capacity, np.nan)
            grown[: len(kept)] = kept
            self._columns[name] = grown


@dataclass(frozen=True)
class Band:
    """A curve thinned to buckets: ``x`` the middle of each, a smoothed line, and what the raw values reached."""

    x: Floats
    line: Floats
    low: Floats
    high: Floats


def band(values: Floats, first: int, last: int, points: int = 500, window: int = 17, stride: int = 1) -> Band:
    """``values`` from index ``first`` to ``last``, both included, as at most 2 * ``points`` buckets.

    The first value stands for the indices 1 to ``stride``, and so on.

    Buckets hold a power of two of steps and begin at fixed multiples of it, so that points which are drawn hardly move
    when rows arrive; minimum and maximum keep every spike. The line is the mean over ``window`` steps round the middle
    of each bucket (or over the bucket, when that is longer). What is not finite is left out, and breaks the line.
    """
    first, last = max(1, -(-first // stride)), min(len(values), -(-last // stride))
    if last < first:
        return Band(*(np.empty(0) for _ in range(4)))
    size = 1
    while (last - first + 1) / size > points:
        size *= 2
    start = (first - 1) // size * size
    shown = values[start:last]
    edges = np.arange(0, len(shown), size)
    ends = np.minimum(edges + size, len(shown))
    finite = np.where(np.isfinite(shown), shown, np.nan)
    low, high = np.fmin.reduceat(finite, edges), np.fmax.reduceat(finite, edges)
    if size < REACH:
        low, high = _reach(low, np.fmin), _reach(high, np.fmax)
    return Band(
        x=(start + (edges + ends) / 2) * stride + 0.5,
        line=_mean_round(values, start + (edges + ends - 1) // 2, max(window, size)),
        low=low,
        high=high,
    )


def _reach(values: Floats, extreme: Callable[[Floats, Floats], Floats]) -> Floats:
    """The extreme of each value and its neighbours: single steps alone would be a band without height."""
    out = values
    for shift in range(1, REACH // 2 + 1):
        if shift < len(values):
            out = out.copy()
            out[shift:] = extreme(out[shift:], values[:-shift])
            out[:-shift] = extreme(out[:-shift], values[shift:])
    return out


def _mean_round(values: Floats, centres: NDArray[np.int64], window: int) -> Floats:
    """Mean of the finite values among ``window`` ones round each centre; NaN where the centre itself is not finite."""
    low = max(0, int(centres[0]) - window)
    part = values[low : int(centres[-1]) + window]
    finite = np.isfinite(part)
    total = np.concatenate(([0.0], np.cumsum(np.where(finite, part, 0.0))))
    count = np.concatenate(([0], np.cumsum(finite)))
    centres = centres - low
    # A power of two has no middle: then the window begins where its bucket does.
    begin = np.maximum(0, centres - (window - 1) // 2)
    end = np.minimum(len(part), centres + window // 2 + 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = (total[end] - total[begin]) / (count[end] - count[begin])
    return np.where(finite[centres], mean, np.nan)
