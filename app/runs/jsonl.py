"""Lines of metrics.jsonl as columns, fast: steps come by the million and go through pyarrow, the rest is rare."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.json
from numpy.typing import NDArray

from app.runs.columns import Floats
from engine.rundir.encoding import decode

FEW = 64  # Lines that are not worth waking pyarrow for.
_STEP = b'{"event":"step"'
_NOT_DRAWN = ("at", "total_steps")
_STRINGS = ((b'"NaN"', b"NaN"), (b'"Infinity"', b"Infinity"), (b'"-Infinity"', b"-Infinity"))


@dataclass(frozen=True)
class Parsed:
    """A block of whole lines. steps: one column a name, rows in order; others: events of other kinds, in order."""

    steps: dict[str, Floats]
    others: list[dict[str, Any]]
    damaged: int


def parse(block: bytes, every: int = 1) -> Parsed:
    """Take ``block`` apart; it ends with a newline. Safe to call from several threads: the work is outside the lock.

    every: of the steps, only the first of so many, and the last one, so that it is known where the block ends.
    """
    data = np.frombuffer(block, np.uint8)
    ends = np.flatnonzero(data == 10)
    starts = np.concatenate(([0], ends[:-1] + 1))
    filled = ends > starts
    starts, ends = starts[filled], ends[filled]
    of_step = _begin_with(data, starts, _STEP)
    spans = zip(starts[~of_step].tolist(), ends[~of_step].tolist(), strict=True)
    rows = [decode(block[start:end]) for start, end in spans]
    others = [row for row in rows if row is not None and isinstance(row.get("event"), str)]
    damaged = len(rows) - len(others)
    if every > 1:
        picked = np.flatnonzero(of_step)
        picked = np.append(picked[:-1:every], picked[-1:])
        block = b"".join(block[starts[line] : ends[line] + 1] for line in picked)
        ends = np.cumsum(ends[picked] + 1 - starts[picked]) - 1
        starts = np.append(0, ends[:-1] + 1)[: len(ends)]
        of_step = np.ones(len(ends), bool)
    steps = None
    if of_step.sum() > FEW:
        steps = _quickly(block, starts[of_step], ends[of_step], of_step)
    if steps is None:
        spans = zip(starts[of_step].tolist(), ends[of_step].tolist(), strict=True)
        found = [decode(block[start:end]) for start, end in spans]
        steps = columns(row for row in found if row is not None)
        damaged += sum(row is None for row in found)
    return Parsed(steps, others, damaged)


def columns(rows: Iterable[dict[str, Any]]) -> dict[str, Floats]:
    """The numbers of events, one column a name; NaN where one has none."""
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name, value in row.items() if is_number(value))
    return {
        name: np.array([float(row[name]) if is_number(row.get(name)) else np.nan for row in rows]) for name in names
    }


def _begin_with(data: NDArray[np.uint8], starts: NDArray[np.int64], prefix: bytes) -> NDArray[np.bool_]:
    wanted = np.frombuffer(prefix, np.uint8)
    found = np.ones(len(starts), bool)
    for offset, byte in enumerate(wanted):
        found &= data[np.minimum(starts + offset, len(data) - 1)] == byte
    return found


def _quickly(
    block: bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], of_step: NDArray[np.bool_]
) -> dict[str, Floats] | None:
    """The steps of ``block`` by pyarrow; None when a line of it is damaged.

    A fixed schema is what makes this fast: what no chart shows is skipped. Three lines tell its names.
    """
    picked = sorted({0, len(starts) // 2, len(starts) - 1})
    samples = (decode(block[starts[i] : ends[i]]) for i in picked)
    names = [name for name in columns(row for row in samples if row is not None) if name not in _NOT_DRAWN]
    for text, number in _STRINGS:
        if text in block:  # cheaper than a replacement that finds nothing
            block = block.replace(text, number)
    try:
        table = pyarrow.json.read_json(
            pa.BufferReader(block),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=1 << 20),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(name, pa.float64()) for name in names]),
                unexpected_field_behavior="ignore",
            ),
        )
    except pa.ArrowInvalid:
        return None
    if len(table) != len(of_step):
        return None
    every = bool(of_step.all())
    return {name: table[name].to_numpy() if every else table[name].to_numpy()[of_step] for name in names}


def is_number(value: object) -> bool:
    """Whether it fits a double: JSON has whole numbers of any length."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**1023
    return isinstance(value, float)
