"""The rows of the picture that shows how long sounds are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from app.charts.table import Rows, nice_range
from app.runs.columns import Floats
from engine.printable import escaped
from engine.quantities import sound_length
from engine.rundir.record import FileRow

UNITS = {"hours": 3600.0, "minutes": 60.0, "seconds": 1.0}
_FEW = 3.0  # of a unit: from so many on, its numbers say more than those of the smaller one


class Lengths(NamedTuple):
    """dots: whether each sound is one, else they are bars. unit: of ``UNITS``, what x counts."""

    dots: bool
    unit: str
    rows: pa.Table


def length_rows(files: Sequence[FileRow], many: int = 150) -> Lengths:
    """Lengths of the usable sounds, learning and checking ones apart."""
    known = [row for row in files if row.verdict != "skipped" and row.duration_s is not None]
    lengths = np.array([row.duration_s for row in known], float)
    unit = _unit(float(lengths.max(initial=0.0)))
    lengths /= UNITS[unit]
    low, high = (0.0, float(lengths.max())) if len(lengths) else (0.0, 1.0)
    low, high = nice_range(low, high, ticks=5)
    dots = len(known) <= many
    bins = 40 if dots else 60
    place = np.clip(((lengths - low) / (high - low) * bins).round().astype(int), 0, bins)
    rows = Rows()
    if not dots:
        width, tallest = (high - low) / bins, float(np.bincount(place).max())
        rows.add("frame", x=np.array([low, high + width]), y=np.array(nice_range(0.0, tallest, from_zero=True)))
        _add_bars(rows, place, [row.split == "val" for row in known], low, width)
        return Lengths(False, unit, rows.table())
    tallest = max([5, *np.bincount(place)]) if len(place) else 5
    rows.add("frame", x=np.array([low, high]), y=np.array([0.3, tallest + 0.7]))
    height: dict[int, int] = {}
    for row, bucket in sorted(zip(known, place.tolist(), strict=True), key=lambda pair: pair[0].split != "train"):
        height[bucket] = height.get(bucket, 0) + 1
        check = row.split == "val"
        rows.add(
            "check" if check else "learn", "val" if check else "train", x=low + bucket * (high - low) / bins,
            y=float(height[bucket]), t=f"{escaped(row.path)}: {sound_length(row.duration_s or 0)}",
        )  # fmt: skip
    return Lengths(True, unit, rows.table())


def _unit(longest_s: float) -> str:
    return next((unit for unit, seconds in UNITS.items() if longest_s >= _FEW * seconds), "seconds")


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
