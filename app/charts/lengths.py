"""The rows of the picture that shows how long sounds are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.charts.table import Rows, nice_range
from app.runs.columns import Floats
from engine.printable import escaped
from engine.rundir.record import FileRow


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
        width, tallest = (high - low) / bins, float(np.bincount(place).max())
        rows.add("frame", x=np.array([low, high + width]), y=np.array(nice_range(0.0, tallest, from_zero=True)))
        _add_bars(rows, place, [row.split == "val" for row in known], low, width)
        return False, rows.table()
    tallest = max([5, *np.bincount(place)]) if len(place) else 5
    rows.add("frame", x=np.array([low, high]), y=np.array([0.3, tallest + 0.7]))
    height: dict[int, int] = {}
    for row, bucket in sorted(zip(known, place.tolist(), strict=True), key=lambda pair: pair[0].split != "train"):
        height[bucket] = height.get(bucket, 0) + 1
        check = row.split == "val"
        rows.add(
            "check" if check else "learn", "val" if check else "train", x=low + bucket * (high - low) / bins,
            y=float(height[bucket]), y2=float(row.duration_s or 0), t=escaped(row.path),
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
