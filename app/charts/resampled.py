"""A curve thinned to what a screen can show, within the part that is in sight. Pure, no Streamlit."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from app.charts.x_axis import Window
from app.runs.columns import Band, Floats, band

HOVERED = 80


def resampled(x: Floats, y: Floats, window: Window | None = None, smoothing: int = 1, points: int = 500) -> Band:
    """``y`` over growing ``x``, smoothed over so many values, with a neighbour beyond each side of ``window``."""
    first, last = 1, len(x)
    if window is not None:
        first = max(1, int(np.searchsorted(x, window[0])))
        last = int(np.searchsorted(x, window[1], side="right")) + 1
    found = band(y, first, last, points=points, window=smoothing)
    if not len(found.x):
        return found
    places = np.interp(found.x, np.arange(1, len(x) + 1), x)
    plain = smoothing == 1 and len(places) == max(0, min(last, len(x)) - first + 1)  # the values themselves
    return Band(places, found.line, *((found.line, found.line) if plain else (found.low, found.high)))


def in_sight(one: Band, window: Window | None) -> Band:
    """Without the neighbours that a line is drawn on to."""
    if window is None:
        return one
    inside = (one.x >= window[0]) & (one.x <= window[1])
    return Band(one.x[inside], one.line[inside], one.low[inside], one.high[inside])


def without_places(one: Band) -> Band:
    """Without what has no place along the axis yet."""
    known = np.isfinite(one.x)
    return one if known.all() else Band(one.x[known], one.line[known], one.low[known], one.high[known])


def positive(y: Floats) -> Floats:
    """Nothing else has a place on a logarithmic axis."""
    return np.where(y > 0, y, np.nan)


def clipped(one: Band, low: float, high: float) -> Band:
    return replace(
        one, line=np.minimum(one.line, high), low=np.clip(one.low, low, high), high=np.clip(one.high, low, high)
    )


def hovered(x: Floats) -> Floats:
    """Some of ``x`` to stop at with the mouse, the last among them."""
    every = max(1, math.ceil(len(x) / HOVERED))
    return x[::-1][::every][::-1]
