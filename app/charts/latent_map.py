"""The rows of the map of a collection, and what a click on it means. Pure, no Streamlit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from app.charts.table import Rows

ACROSS, DOWN = 64, 40  # Tiles: 2,560 of some 13 pixels.
MARGIN = 0.18
Place = tuple[float, float]


def extent(points: Sequence[Mapping[str, Any]]) -> tuple[Place, Place]:
    """((left, right), (low, high)) that holds all points, with room around them to go to."""
    x = np.array([point["x"] for point in points] or [0.0], float)
    y = np.array([point["y"] for point in points] or [0.0], float)
    unit = max(float(np.ptp(x)), float(np.ptp(y)), 1e-6)
    spans = [(float(axis.min()), float(axis.max())) for axis in (x, y)]
    # Where all lie on one line, the plane is as high as wide all the same.
    return tuple(  # type: ignore[return-value]
        (low - pad, high + pad)
        for low, high in spans
        for pad in [max(MARGIN * (high - low), (0.5 * unit - (high - low)) / 2, 0.1 * unit)]
    )


def lies_outside(points: Sequence[Mapping[str, Any]], here: Place | None) -> bool:
    """Whether the place that is heard now is none of the map, so that its mark stands at the edge."""
    return here is not None and any(not low <= at <= high for at, (low, high) in zip(here, extent(points), strict=True))


def map_rows(points: Sequence[Mapping[str, Any]], here: Place | None) -> pa.Table:
    """Files, the place that is heard now, at the edge where it lies outside, and the tiles that are clicked."""
    (left, right), (low, high) = extent(points)
    rows = Rows()
    rows.add("frame", x=np.array([left, right]), y=np.array([low, high]))
    for kind, side, role in (("learn", "train", "train"), ("check", "val", "val")):
        own = [point for point in points if point["side"] == side]
        if own:
            rows.add(
                kind, role, x=_column(own, "x"), y=_column(own, "y"), t=[str(point["path"]) for point in own]
            )  # fmt: skip
    if here is not None:
        rows.add("here", "sweet", x=min(max(here[0], left), right), y=min(max(here[1], low), high))
    wide, tall = (right - left) / ACROSS, (high - low) / DOWN
    x, y = np.meshgrid(left + wide * np.arange(ACROSS), low + tall * np.arange(DOWN))
    rows.add("tile", x=x.ravel(), x2=x.ravel() + wide, y=y.ravel(), y2=y.ravel() + tall)
    if points:  # last, so that they lie on top
        x, y = _column(points, "x"), _column(points, "y")
        names = [str(point["path"]) for point in points]
        rows.add("tile", x=x - wide, x2=x + wide, y=y - tall, y2=y + tall, t=names)
    return rows.table()


def _column(points: Sequence[Mapping[str, Any]], name: str) -> np.ndarray:
    return np.array([point[name] for point in points], float)


def picked(state: Any, name: str) -> tuple[str, Place] | None:
    """(file or "", place) of the tile that was clicked, from what Streamlit keeps of a chart."""
    try:
        tile = state["selection"][name][0]
        place = (float(tile["x"]) + float(tile["x2"])) / 2, (float(tile["y"]) + float(tile["y2"])) / 2
        return str(tile.get("t") or ""), place
    except (KeyError, IndexError, TypeError, ValueError):
        return None


# What it sounds like when a figure grows, and when it falls.
_MORE_AND_LESS = {
    "loudness": ("louder", "softer"),
    "brightness": ("brighter", "darker"),
    "noisiness": ("noisier", "purer"),
    "attack": ("slower to begin", "quicker to begin"),
    "length": ("longer", "shorter"),
    "pitch": ("higher", "lower"),
}


def axis_words(axis: Mapping[str, Any]) -> str:
    """What going up an axis changes, and how surely: "shorter (clear, 0.66), brighter (strong, 0.81)"."""
    parts = [f"{_becomes(change)} ({_surely(abs(change['r']))}, {abs(change['r']):.2f})" for change in axis["changes"]]
    return ", ".join(parts)


def axis_title(axes: Sequence[Mapping[str, Any]], number: int, share: float, arrow: str) -> str:
    """The title of one side of the map; "" where nothing differs in that direction."""
    if share * 100 < 0.5:
        return ""
    found = next((one for one in axes if one["number"] == number), None)
    said = ", ".join(_becomes(change) for change in (found["changes"][:2] if found else ()))
    return f"{said or f'direction {number}'} {arrow} · {share * 100:.0f} % of the differences"


def _becomes(change: Mapping[str, Any]) -> str:
    name = str(change["name"])
    more, less = _MORE_AND_LESS.get(name, (f"more {name}", f"less {name}"))
    return more if change["r"] > 0 else less


def _surely(strength: float) -> str:
    return "very strong" if strength >= 0.9 else "strong" if strength >= 0.75 else "clear"
