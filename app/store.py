"""The metrics of a run as columns, read once and then only what was added. One store a run, shared by all tabs."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute
import pyarrow.json
import streamlit as st

from app.columns import Columns, Floats
from engine.rundir.encoding import decode
from engine.rundir.layout import Layout

Result = TypeVar("Result")
BLOCK = 1 << 25
KEPT_EVENTS = 2_000  # Beside steps, epochs and memory there are few events; a damaged file may hold many.
_STEP = (b'{"event":"step"', b'{"event": "step"')
_NOT_DRAWN = ("at", "total_steps")
_STRINGS = ((b'"NaN"', b"NaN"), (b'"Infinity"', b"Infinity"), (b'"-Infinity"', b"-Infinity"))


class MetricsStore:
    """Columns of one metrics.jsonl. :meth:`refresh` costs one ``stat`` when nothing was added."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self._lock = threading.RLock()
        self._clear()

    def _clear(self) -> None:
        self.steps = Columns()
        self.epochs = Columns()
        self.memory: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.damaged = 0
        self._offset = 0
        self._seen: tuple[int, int, int] | None = None
        self._cache: dict[Hashable, Any] = {}

    def refresh(self) -> int:
        """Take in what was added since; the version, which moves with every change.

        A shrunk or replaced file is read anew.
        """
        with self._lock:
            try:
                stat = self.path.stat()
            except OSError:
                return self.version
            seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
            if seen == self._seen:
                return self.version
            if stat.st_size < self._offset or (self._seen and self._seen[0] != stat.st_ino):
                self._clear()
            self._read(stat.st_size)
            self._seen = seen
            self.version += 1
            self._cache.clear()
            return self.version

    def cached(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """``compute()`` once a version and key, for all tabs together."""
        with self._lock:
            if key not in self._cache:
                self._cache[key] = compute()
            result: Result = self._cache[key]
            return result

    def _read(self, size: int) -> None:
        with self.path.open("rb") as file:
            file.seek(self._offset)
            while self._offset < size:
                block = file.read(min(BLOCK, size - self._offset))
                whole = block.rfind(b"\n") + 1
                if not whole:
                    return  # The last line is still being written (or longer than any line of ours).
                self._take(block[:whole])
                self._offset += whole
                file.seek(self._offset)

    def _take(self, block: bytes) -> None:
        """Steps come by the million and go through pyarrow; everything else is rare and read line by line, in order."""
        lines = block.split(b"\n")
        others = [line for line in lines if line and not line.startswith(_STEP)]
        steps = next((line for line in lines if line.startswith(_STEP)), None)
        if steps is not None:
            last = next(line for line in reversed(lines) if line.startswith(_STEP))
            table = _step_columns(block, (steps, last))
            if table is None:
                table = self._salvage(line for line in lines if line.startswith(_STEP))
            self._put_steps(table)
        for line in others:
            self._take_event(line)

    def _salvage(self, lines: Iterable[bytes]) -> dict[str, Floats]:
        rows = [decode(line) for line in lines]
        whole = [row for row in rows if row is not None]
        self.damaged += len(rows) - len(whole)
        return _columns(whole)

    def _put_steps(self, table: dict[str, Floats]) -> None:
        index = table.pop("step", None)
        if index is None:
            return
        good = np.isfinite(index)
        self.damaged += int((~good).sum())
        self.steps.put(index[good].astype(np.int64), {name: column[good] for name, column in table.items()})

    def _take_event(self, line: bytes) -> None:
        row = decode(line)
        kind = row.get("event") if row else None
        if row is None or not isinstance(kind, str):
            self.damaged += 1
        elif kind == "step":
            self._put_steps(_columns([row]))
        elif kind == "epoch":
            table = _columns([row])
            index = table.pop("epoch", np.array([np.nan]))
            if np.isfinite(index).all():
                self.epochs.put(index.astype(np.int64), table)
        elif kind == "memory":
            self.memory.append(row)
        elif len(self.events) < KEPT_EVENTS:
            self.events.append(row)


def _step_columns(block: bytes, samples: Iterable[bytes]) -> dict[str, Floats] | None:
    """The number columns of the step lines in ``block``, those that ``samples`` name; None when a line is damaged.

    A fixed schema is what makes this fast: pyarrow then skips what no chart shows.
    """
    rows = [row for row in map(decode, samples) if row is not None]
    names = [name for name in _columns(rows) if name not in _NOT_DRAWN]
    for text, number in _STRINGS:
        if text in block:  # cheaper than a replacement that finds nothing
            block = block.replace(text, number)
    schema = pa.schema([("event", pa.string()), *((name, pa.float64()) for name in names)])
    try:
        table = pyarrow.json.read_json(
            io.BytesIO(block),
            read_options=pyarrow.json.ReadOptions(block_size=1 << 22),
            parse_options=pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None
    table = table.filter(pyarrow.compute.equal(table["event"], "step"))
    return {name: table[name].to_numpy() for name in names}


def _columns(rows: list[dict[str, Any]]) -> dict[str, Floats]:
    names = {name for row in rows for name, value in row.items() if _is_number(value)}
    return {
        name: np.array([float(row[name]) if _is_number(row.get(name)) else np.nan for row in rows]) for name in names
    }


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@st.cache_resource(show_spinner=False, max_entries=64)
def _store(path: str) -> MetricsStore:
    return MetricsStore(Path(path))


def metrics_of(root: Path) -> MetricsStore:
    """The shared store of the run directory ``root``, not refreshed yet."""
    return _store(os.fspath(Layout(root).metrics))
