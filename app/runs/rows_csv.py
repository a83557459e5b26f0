"""Every row of a run's curves as CSV, from metrics.jsonl: what the charts leave out for being too many is here."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.csv

from app.runs.columns import MAX_STEPS, MOST_COLUMNS, Floats
from app.runs.jsonl import parse
from app.runs.step_lines import columns
from engine.rundir.reading import own_file, whole_lines

BLOCK = 1 << 21
FORMULA = tuple("=+-@\t\r")  # A name that a spreadsheet would take for one, in a file from a stranger, is none of ours.

Table = dict[str, Floats]


def all_rows(path: Path, event: Literal["step", "epoch"]) -> io.BufferedReader:
    """A file, ready to read, with a row for each ``event`` of metrics.jsonl at ``path``, thinned by nothing.

    After a kill a resumed run repeats its steps: the last row of each counts, and none beyond where it now stands.
    Read twice, block by block: ten million rows need the memory of their numbers alone. Of a run that trains, the rows
    that were written when this began.
    """
    size = path.stat().st_size if own_file(path) else 0
    names: dict[str, None] = {}
    found: list[Floats] = []
    for table in _tables(path, event, size):
        found.append(table[event])
        names |= dict.fromkeys(name for name in table if name != event and not name.startswith(FORMULA))
    kept = _kept(np.concatenate(found) if found else np.empty(0))
    schema = pa.schema([(event, pa.int64()), *((name, pa.float64()) for name in list(names)[:MOST_COLUMNS])])
    out = tempfile.TemporaryFile()  # noqa: SIM115
    with pyarrow.csv.CSVWriter(out, schema) as writer:
        for table in _tables(path, event, size):
            own, kept = kept[: len(table[event])], kept[len(table[event]) :]
            writer.write_table(_chosen(table, event, own, schema))
    raw = out.detach()
    raw.seek(0)
    return io.BufferedReader(raw)


def _tables(path: Path, event: str, size: int) -> Iterator[Table]:
    """The numbers of each block of whole lines, among the first ``size`` bytes, that holds such an event."""
    if not size:
        return
    with path.open("rb") as file:
        offset = 0
        while offset < size:
            block, length = whole_lines(file, offset, size, BLOCK)
            if not length:
                return
            offset += length
            parsed = parse(block)
            others = columns(row for row in parsed.others if row["event"] == event)
            yield from (table for table in (parsed.steps if event == "step" else {}, others) if event in table)


def _kept(index: Floats) -> Any:
    """Which rows count: the last of each index, up to the last row's own."""
    sane = np.isfinite(index) & (index >= 1) & (index <= MAX_STEPS)
    kept = np.zeros(len(index), bool)
    if not sane.any():
        return kept
    places = np.flatnonzero(sane)[::-1]
    _, last = np.unique(index[places], return_index=True)
    kept[places[last]] = True
    return kept & (index <= index[places[0]])


def _chosen(table: Table, event: str, kept: Any, schema: pa.Schema) -> pa.Table:
    """Numbers that are not finite are left empty, as spreadsheets have no word for them."""
    missing = np.full(int(kept.sum()), np.nan)
    values = {name: table[name][kept] if name in table else missing for name in schema.names[1:]}
    return pa.table(
        {event: table[event][kept].astype(np.int64)}
        | {name: pa.array(column, mask=~np.isfinite(column)) for name, column in values.items()},
        schema=schema,
    )
