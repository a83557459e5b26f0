"""Blocks of metrics.jsonl taken apart: steps come by the million and go by vectors, the rest is rare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from app.runs.columns import Floats
from app.runs.step_lines import Places, numbers, stand_at, without_names_for_numbers
from engine.rundir.encoding import decode

_STEP = b'{"event":"step"'


@dataclass(frozen=True)
class Parsed:
    """A block of whole lines. steps: one column a name, rows in order; others: events of other kinds, in order."""

    steps: dict[str, Floats]
    others: list[dict[str, Any]]
    damaged: int


def parse(block: bytes, every: int = 1) -> Parsed:
    """Take ``block`` apart, up to its last newline. Safe to call from several threads: the work is outside the lock.

    every: of the steps, only the first of so many, and the last one, so that it is known where the block ends.
    """
    block = without_names_for_numbers(block)
    ends = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)[: len(ends)]
    of_step = stand_at(block, _STEP, starts)
    rare = ~of_step & (ends > starts)
    rows = [decode(block[start:end]) for start, end in zip(starts[rare].tolist(), ends[rare].tolist(), strict=True)]
    others = [row for row in rows if row is not None and isinstance(row.get("event"), str)]
    starts, ends = starts[of_step], ends[of_step]
    if every > 1:
        block, starts, ends = _picked(block, starts, ends, every)
    steps, damaged = numbers(block, starts, ends)
    return Parsed(steps, others, len(rows) - len(others) + damaged)


def _picked(block: bytes, starts: Places, ends: Places, every: int) -> tuple[bytes, Places, Places]:
    """The first line of so many, and the last one: a block of them alone, where they begin and where they end."""
    picked = np.append(np.arange(0, len(starts) - 1, every), np.arange(len(starts))[-1:])
    lines = np.empty((len(picked), 2), np.int32)  # Every other text of this array is such a line.
    lines[:, 0], lines[:, 1] = starts[picked], ends[picked] + 1
    offsets = np.append(lines.ravel(), np.int32(len(block)))
    texts = pa.Array.from_buffers(pa.binary(), lines.size, [None, pa.py_buffer(offsets), pa.py_buffer(block)])
    kept = texts.take(pa.array(np.arange(0, lines.size, 2)))
    bounds = np.frombuffer(kept.buffers()[1], np.int32)[: len(kept) + 1].astype(np.int64)
    return kept.buffers()[2].to_pybytes(), bounds[:-1], bounds[1:] - 1
