"""The metrics of a run as columns, read once and then only what was added. One store a run, shared by all tabs."""

from __future__ import annotations

import math
import os
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, TypeGuard, TypeVar

import numpy as np
import streamlit as st

from app.runs.changes import told
from app.runs.columns import MOST_COLUMNS, Columns, Floats
from app.runs.jsonl import Parsed, parse
from app.runs.step_lines import columns, is_number
from engine.rundir.layout import Layout
from engine.rundir.reading import own_file, whole_lines

Result = TypeVar("Result")
BLOCK = 1 << 21
THIN_BYTES = 1 << 28  # About a million steps. Of a longer run that is read at once, every so many are enough to draw.
WORKERS = 4
FARTHEST = 1e39  # beyond single precision
SHORTEST_LINE, SPARE = 32, 20_000
KEPT_EVENTS = 2_000  # of a kind: a run has few, a damaged file may hold many


class MetricsStore:
    """Columns of one metrics.jsonl. :meth:`refresh` touches no file when nothing was told, see :mod:`app.runs.changes`.

    Of a run of many million steps, which would take a minute and gigabytes, every so many steps are taken in (the
    ``stride`` of ``steps``); epochs and all other events always. Nothing is written anywhere for that.

    thin_bytes: the length of a file from which on that is so; default ``THIN_BYTES``.
    """

    def __init__(self, path: Path, thin_bytes: int | None = None) -> None:
        self.path = path
        self._thin_bytes = THIN_BYTES if thin_bytes is None else thin_bytes
        self.version = 0
        self._lock = threading.RLock()
        self._told: int | None = None
        self._clear()

    def _clear(self) -> None:
        self.steps = Columns()
        self.epochs = Columns()
        self._lists: dict[int, dict[str, Floats]] = {}  # of epochs, by their number
        self.memory: list[dict[str, Any]] = []  # every so many, once there are more than ``KEPT_EVENTS``
        self._measured, self._every = 0, 1
        self.warnings: deque[dict[str, Any]] = deque(maxlen=KEPT_EVENTS)  # the latest
        self.saved: set[int] = set()  # updates that a checkpoint was written after
        self.original: str | None = None  # the held-out file that is copied, as dataset.json calls it
        self.damaged = 0
        self._offset = 0
        self._seen: tuple[int, int, int] | None = None
        self._cache: dict[Hashable, Any] = {}

    def refresh(self) -> int:
        """Take in what was added since; the version, which moves with every change.

        A shrunk or replaced file is read anew.
        """
        with self._lock:
            now = told(self.path.parent)
            if now is None or now != self._told:
                self._look()
                self._told = now
            return self.version

    def _look(self) -> None:
        try:
            stat = self.path.stat()
        except OSError:
            return
        if not own_file(self.path):
            return
        seen = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        if seen == self._seen:
            return
        if stat.st_size < self._offset or (self._seen and self._seen[0] != stat.st_ino):
            self._clear()
        self._read(stat.st_size)
        self._seen = seen
        self.version += 1
        self._cache.clear()

    def latest(self, name: str) -> Floats:
        """What :meth:`listed` has of the last epoch."""
        return self.listed(name, self.epochs.count)

    def listed(self, name: str, epoch: int) -> Floats:
        """The numbers of a list in an epoch, at most the first 1,024; none where it has no such list.

        What is no number there is NaN, so that each stands in its place.
        """
        return self._lists.get(epoch, {}).get(name, np.empty(0))

    def cached(self, key: Hashable, compute: Callable[[], Result]) -> Result:
        """``compute()`` once a version and key, for all tabs together."""
        with self._lock:
            if key not in self._cache:
                self._cache[key] = compute()
            result: Result = self._cache[key]
            return result

    def _read(self, size: int) -> None:
        """Blocks are parsed side by side and taken in, in their order."""
        backlog = size - self._offset
        if not self.steps.count and backlog > self._thin_bytes:
            self.steps = Columns(stride=1 << (-(-backlog // self._thin_bytes) - 1).bit_length())
        with self.path.open("rb") as file:
            if backlog <= BLOCK:
                for block in self._blocks(file, size):
                    self._take(parse(block))
                return
            with ThreadPoolExecutor(WORKERS) as pool:
                waiting: deque[Future[Parsed]] = deque()
                for block in self._blocks(file, size):
                    waiting.append(pool.submit(parse, block, self.steps.stride))
                    if len(waiting) > WORKERS:
                        self._take(waiting.popleft().result())
                for parsed in waiting:
                    self._take(parsed.result())

    def _blocks(self, file: BinaryIO, size: int) -> Iterator[bytes]:
        """What was added, as blocks that begin with a line; what follows their last newline comes again, when whole."""
        while self._offset < size:
            block, length = whole_lines(file, self._offset, size, BLOCK)
            if not length:
                return
            self._offset += length
            yield block

    def _take(self, parsed: Parsed) -> None:
        self.damaged += parsed.damaged
        self._put(self.steps, "step", parsed.steps)
        epochs = [row for row in parsed.others if row["event"] == "epoch"]
        self._put(self.epochs, "epoch", columns(epochs))
        counted = [row for row in epochs if _finite(row.get("epoch"))]
        self._lists |= {int(row["epoch"]): _lists(row) for row in counted}
        for row in parsed.others:
            if row["event"] == "step":
                self._put(self.steps, "step", columns([row]))
            elif not is_number(row.get("elapsed_s")):
                self.damaged += row["event"] != "epoch"
            elif row["event"] == "memory":
                self._measure({name: value for name, value in row.items() if is_number(value)})
            elif row["event"] == "checkpoint":
                if _finite(row.get("step")) and len(self.saved) < KEPT_EVENTS:
                    self.saved.add(int(row["step"]))
            elif row["event"] == "preview":
                if row.get("role") == "reference" and row.get("index") == 0 and isinstance(row.get("file"), str):
                    self.original = row["file"]
            elif row["event"] == "warning":
                self.warnings.append(row)

    def _measure(self, row: dict[str, Any]) -> None:
        """Take in what memory was in use; of many such events one in two, four, …"""
        if self._measured % self._every == 0:
            self.memory.append(row)
            if len(self.memory) > KEPT_EVENTS:
                self.memory = self.memory[::2]
                self._every *= 2
        self._measured += 1

    def _put(self, columns: Columns, index_name: str, table: dict[str, Floats]) -> None:
        index = table.pop(index_name, None)
        if index is None:
            return
        # One record a step: what is counted far beyond the file's length is damage, and must not claim the memory.
        good = np.isfinite(index) & (index <= self._offset // SHORTEST_LINE + SPARE)
        if not good.all():
            self.damaged += int((~good).sum())
            table = {name: column[good] for name, column in table.items()}
        columns.put(index[good].astype(np.int64), {name: _within(column) for name, column in table.items()})


def _finite(value: object) -> TypeGuard[float]:
    """Whether it can be made a whole number: JSON, as Python reads it, has NaN and Infinity."""
    return is_number(value) and math.isfinite(value)


def _lists(row: dict[str, Any]) -> dict[str, Floats]:
    lists = {name: value[:MOST_COLUMNS] for name, value in row.items() if isinstance(value, list)}
    return {
        name: _within(np.array([one if is_number(one) else np.nan for one in value], float))
        for name, value in lists.items()
    }


def _within(column: Floats) -> Floats:
    """What no model computes counts as infinite: the span of an axis must be a number."""
    return np.where(np.abs(column) > FARTHEST, np.copysign(np.inf, column), column)


@st.cache_resource(show_spinner=False, max_entries=64)
def _store(path: str, thin_bytes: int | None) -> MetricsStore:
    return MetricsStore(Path(path), thin_bytes)


def metrics_of(root: Path, thin_bytes: int | None = None) -> MetricsStore:
    """The shared store of the run directory ``root``, not refreshed yet. thin_bytes: thinned already from there on."""
    return _store(os.fspath(Layout(root).metrics), thin_bytes)
