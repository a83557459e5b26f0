"""What every chart of a run's curves is made of: a line, what the mouse finds on it, its ends. Pure, no Streamlit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from app.charts.marks import Mark, beside
from app.charts.resampled import hovered, positive, without_places
from app.charts.table import Rows
from app.charts.x_axis import XAxis
from app.runs.columns import Band, Floats
from engine.claims.figures import figure


def shown(y: Floats, log: bool) -> Floats:
    """Values as an axis can hold them: a logarithmic one only those above zero."""
    return positive(y) if log else y


def add_curve(rows: Rows, kind: str, role: str, curve: Band) -> None:
    """A line, or a dot where it is a single value, over what its raw values reach."""
    if not np.isfinite(curve.line).any():
        return
    if (curve.high > curve.low).any():
        rows.add("band", role, x=curve.x, y=curve.low, y2=curve.high)
    rows.add("dot" if np.isfinite(curve.line).sum() == 1 else kind, role, x=curve.x, y=curve.line)


def add_hover(
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
    lines = [[at.said(stop)] for stop in stops.tolist()]
    for role, values in found.items():
        name, unit = names[role]
        for said, value in zip(lines, values.tolist(), strict=True):
            if math.isfinite(value):
                said.append(f"{name} {figure(value, unit)}")
    beyond = beside(marks, at, stops)
    said_at = ["\n".join([*said, more]).rstrip() for said, more in zip(lines, beyond, strict=True)]
    rows.add("hover", "base", x=stops, t=said_at)
    for role, values in found.items():
        inside = np.isfinite(values) & (values >= ends[0]) & (values <= ends[1])
        rows.add("on", role, x=stops[inside], y=values[inside])


def _nearest(one: Band, stops: Floats) -> Floats:
    """The value of ``one`` last before each of ``stops``, or there."""
    place = np.searchsorted(one.x, stops * (1 + 1e-12), side="right") - 1
    return np.where(place >= 0, one.line[np.maximum(place, 0)], np.nan)


def span(x: Floats) -> Floats:
    """First and last of ``x``; a single one stands in the middle."""
    if not len(x):
        return np.array([0.0, 1.0])
    return np.array([x[0], x[-1]]) if x[-1] > x[0] else np.array([x[0] - 0.5, x[0] + 0.5])
