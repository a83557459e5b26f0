"""Where the epochs and the steps of a run lie along an axis of epochs, updates or minutes. Pure, no Streamlit."""

from __future__ import annotations

import math
from functools import cached_property

import numpy as np

from app.charts.settings import AXES
from app.runs.columns import Columns, Floats

Window = tuple[float, float]


class XAxis:
    """One of ``AXES`` over the records of a run.

    epoch_steps: how many updates an epoch is to hold; says where steps lie before the first epoch is over.
    """

    def __init__(self, steps: Columns, epochs: Columns, name: str = "epoch", epoch_steps: int | None = None) -> None:
        assert name in AXES
        self.name = name
        self._steps, self._epochs, self._epoch_steps = steps, epochs, epoch_steps

    @cached_property
    def epochs(self) -> Floats:
        """The place of each epoch; NaN where it has none, or lies before what came earlier."""
        if self.name == "epoch":
            return self._epochs.index().astype(float)
        return growing(self._epochs.get("step") if self.name == "step" else self._epochs.get("elapsed_s") / 60)

    def of_steps(self, steps: Floats) -> Floats:
        """The places of updates, which may be fractions; NaN where nothing is known yet."""
        if self.name == "step" or not len(steps):
            return steps
        known, places = self._knots
        if len(known) < 2:
            return np.full(len(steps), math.nan)
        pace = (places[-1] - places[-2]) / (known[-1] - known[-2])
        beyond = places[-1] + (steps - known[-1]) * pace
        inside: Floats = np.interp(steps, known, places)
        return np.where(steps > known[-1], beyond, inside)

    def steps_within(self, window: Window | None) -> tuple[int, int]:
        """First and last update of a part of the axis, both with a neighbour beyond it, that lines may be drawn to."""
        last = self._steps.count
        if window is None or last < 1:
            return 1, last
        ends = np.array(window, float)
        if self.name != "step":
            known, places = self._knots
            if len(known) < 2:
                return 1, last
            pace = (known[-1] - known[-2]) / max(1e-9, places[-1] - places[-2])
            beyond = known[-1] + (ends - places[-1]) * pace
            ends = np.where(ends > places[-1], beyond, np.interp(ends, places, known))
        first, final = np.clip(ends, 1, last)
        stride = self._steps.stride
        return max(1, math.floor(first) - stride), min(last, math.ceil(final) + stride)

    @cached_property
    def _knots(self) -> tuple[Floats, Floats]:
        """Updates whose places are known, growing, and these places."""
        if self.name == "time":
            steps, places = self._steps.index().astype(float), growing(self._steps.get("elapsed_s") / 60)
        else:
            steps, places = np.append(0.0, self._epochs.get("step")), np.append(0.0, self._epochs.index().astype(float))
            steps = growing(steps)
            if np.isfinite(steps).sum() < 2 and self._epoch_steps:
                return np.array([0.0, float(self._epoch_steps)]), np.array([0.0, 1.0])
        known = np.isfinite(steps) & np.isfinite(places)
        return steps[known], places[known]

    def said(self, place: float) -> str:
        return said(self.name, place)


def said(axis: str, place: float) -> str:
    """A place in words: "epoch 12.5", "update 1,840", "3.2 minutes"."""
    if axis == "step":
        return f"update {place:,.0f}"
    figure = f"{place:,.2f}".rstrip("0").rstrip(".")
    return f"epoch {figure}" if axis == "epoch" else f"{figure} minutes"


def growing(places: Floats) -> Floats:
    """``places`` without those that do not lie beyond all before them."""
    before = np.fmax.accumulate(np.append(-np.inf, places))[:-1]
    return np.where(places > before, places, np.nan)
