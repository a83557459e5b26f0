"""Lines of one kind as columns, by the million: what has one layout is read by its places, without a parser of JSON.

A training writes the names of its steps in one order, so between them stand nothing but numbers. Lines with the names
of the first are found by comparing bytes, their numbers are read all at once; what is otherwise (a damaged line, a name
more) is decoded by itself. A number that only JSON's grammar minds (``01``, ``5.``) counts as one here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import Any, TypeGuard

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from app.runs.columns import Floats
from engine.rundir.encoding import decode

FEW = 64  # Lines that are not worth the vectors.
_MOST_AT_ONCE = 1 << 22  # Numbers of a block, 34 MB: one of 2 MB has fewer where its lines are alike.
_NOT_DRAWN = ("at", "total_steps")
_KEY = re.compile(rb'[,{]"([^"\\]*)":')
_STRINGS = ((b'"NaN"', b"NaN"), (b'"Infinity"', b"Infinity"), (b'"-Infinity"', b"-Infinity"))
_EVERY_OTHER = 0x55  # the bits of a byte, the first one set

Places = NDArray[np.int64]


class Spans:
    """Lines of a block, each with the event first: where they begin and end (their newline). What was found in them so
    far, a row a line: ``good`` says which of them are what was written."""

    def __init__(self, block: bytes, starts: Places, ends: Places) -> None:
        self.block, self.starts, self.ends = block, starts, ends
        self.colons = np.flatnonzero(np.frombuffer(block, np.uint8) == ord(":")) if len(starts) > FEW else starts[:0]
        self.columns: dict[str, Floats] = {}
        self.good = np.ones(len(starts), bool)

    def put(self, lines: Places, values: dict[str, Floats]) -> None:
        """``values`` of these lines, one column a name."""
        if len(lines) == len(self.good):
            self.columns = values
            return
        for name, column in values.items():
            if name not in self.columns:
                if (len(self.columns) + 1) * len(self.good) > _MOST_AT_ONCE:
                    continue
                self.columns[name] = np.full(len(self.good), np.nan)
            self.columns[name][lines] = column


def without_names_for_numbers(block: bytes) -> bytes:
    """``block``, its "NaN" and "Infinity" without the quotes that strict JSON needs."""
    if b"N" in block or b"I" in block:  # a byte is found many times faster than a word
        for text, number in _STRINGS:
            block = block.replace(text, number)
    return block


def numbers(block: bytes, starts: Places, ends: Places) -> tuple[dict[str, Floats], int]:
    """(the numbers of these lines, one column a name, NaN where one has none; how many lines are damaged).

    Columns hold the lines that are not damaged, in their order. What no chart shows is left out.
    """
    spans = Spans(block, starts, ends)
    _read(spans, np.arange(len(starts)))
    damaged = len(starts) - int(spans.good.sum())
    found = {name: column[spans.good] if damaged else column for name, column in spans.columns.items()}
    return {name: column for name, column in found.items() if name not in _NOT_DRAWN}, damaged


def columns(rows: Iterable[dict[str, Any]]) -> dict[str, Floats]:
    """The numbers of events, one column a name; NaN where one has none.

    Of names that few of many events have, only as many as are no more than ``_MOST_AT_ONCE`` numbers.
    """
    rows = list(rows)
    names = dict.fromkeys(name for row in rows for name, value in row.items() if is_number(value))
    return {
        name: np.array([float(row[name]) if is_number(row.get(name)) else np.nan for row in rows])
        for name in islice(names, _MOST_AT_ONCE // max(1, len(rows)))
    }


def is_number(value: object) -> TypeGuard[float]:
    """Whether it fits a double: JSON has whole numbers of any length."""
    if isinstance(value, int) and not isinstance(value, bool):
        return abs(value) < 2**1023
    return isinstance(value, float)


def stand_at(block: bytes, text: bytes, places: Places) -> NDArray[np.bool_]:
    """Whether ``text`` (which ends with no zero byte) stands at each of these places of ``block``, which rise."""
    last = len(block) - len(text)
    if last < 0 or not len(places):
        return np.zeros(len(places), bool)
    windows = np.ndarray((last + 1,), f"S{len(text)}", block, strides=(1,))
    if places[0] >= 0 and places[-1] <= last:  # they rise
        found: NDArray[np.bool_] = windows[places] == text
        return found
    return stand_at(block, text, np.clip(places, 0, last)) & (places >= 0) & (places <= last)


def _read(spans: Spans, lines: Places) -> None:
    """Put the numbers of these lines: layout by layout, and one by one what has no company."""
    while len(lines) > FEW:
        names, alike, places = _layout_of_first(spans, lines)
        if int(alike.sum()) <= FEW:
            break
        _read_alike(spans, lines[alike], names, places)
        lines = lines[~alike]
    _decode(spans, lines)


def _layout_of_first(spans: Spans, lines: Places) -> tuple[list[bytes], NDArray[np.bool_], Places]:
    """(names with what surrounds them, which lines have these in this order, where each of those has its colons)."""
    block, starts, ends = spans.block, spans.starts[lines], spans.ends[lines]
    names = [match.group() for match in _KEY.finditer(block, starts[0], ends[0])]
    first = np.searchsorted(spans.colons, starts)
    alike = np.searchsorted(spans.colons, ends) - first == len(names)
    if len(names) < 2 or not alike[0]:
        return names, np.zeros(len(lines), bool), np.empty((0, 0), np.int64)
    places = spans.colons[first[alike][:, None] + np.arange(len(names))]
    same = stand_at(block, b"}", ends[alike] - 1)
    for number, name in enumerate(names):
        same &= stand_at(block, name, places[:, number] + 1 - len(name))
    alike[alike] = same
    return names, alike, places[same]


def _read_alike(spans: Spans, lines: Places, names: list[bytes], colons: Places) -> None:
    """Put the numbers of lines that have one layout: all at once, by halves where one of them is no number."""
    if len(lines) <= FEW:
        _decode(spans, lines)
        return
    bounds = np.empty((*colons[:, 1:].shape, 2), np.int32)
    bounds[..., 0] = colons[:, 1:] + 1
    bounds[:, :-1, 1] = colons[:, 2:] + 1 - [len(name) for name in names[2:]]
    bounds[:, -1, 1] = spans.ends[lines] - 1
    values = _as_numbers(spans.block, bounds)
    if values is None:
        half = len(lines) // 2
        _read_alike(spans, lines[:half], names, colons[:half])
        _read_alike(spans, lines[half:], names, colons[half:])
        return
    texts = [name[2:-2].decode(errors="replace") for name in names[1:]]
    spans.put(lines, {text: values[:, number] for number, text in enumerate(texts)})


def _as_numbers(block: bytes, bounds: NDArray[np.int32]) -> Floats | None:
    """What stands in ``block`` between ``bounds`` (..., 2), which rise; None when one of it is no number.

    To Arrow the block is one array of texts, of which every other one, what stands between two numbers, is missing.
    """
    count = bounds.size
    if (bounds.ravel()[1:] < bounds.ravel()[:-1]).any():
        return None
    offsets = np.append(bounds.ravel(), bounds.ravel()[-1])
    present = bytes([_EVERY_OTHER]) * -(-count // 8)
    buffers = [pa.py_buffer(present), pa.py_buffer(offsets), pa.py_buffer(block)]
    try:
        cast = pa.Array.from_buffers(pa.string(), count, buffers).cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    found: Floats = np.frombuffer(cast.buffers()[1], np.float64)[:count:2].reshape(bounds.shape[:-1])
    return found


def _decode(spans: Spans, lines: Places) -> None:
    """Put what each of these lines says, read as JSON."""
    places = zip(spans.starts[lines].tolist(), spans.ends[lines].tolist(), strict=True)
    rows = [decode(spans.block[start:end]) for start, end in places]
    spans.good[lines] = [row is not None for row in rows]
    spans.put(lines, columns(row or {} for row in rows))
