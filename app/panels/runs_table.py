"""The table of earlier runs: its columns, of which one chooses, each sorted as what it is."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from app.look import states, words
from app.runs.library import Library
from app.runs.store import metrics_of
from engine.claims.figures import DECIMALS, figure
from engine.claims.headline import best_epoch
from engine.quantities import number, size
from engine.rundir.layout import checkpoint_step, snapshot_moment
from engine.rundir.reader import RunReader
from engine.rundir.record import Parent, RunRecord
from engine.rundir.view import RunView

SPARK_POINTS = 60
WIDEST_NAME = 200  # pixels
PRESSED, DRAWN = "open-earlier", "earlier-drawn"


class Row(NamedTuple):
    """One run of the table, and what it is called there."""

    reader: RunReader
    view: RunView
    name: str


@dataclass(frozen=True)
class _Shared:
    """What all runs of a table have in common: the unit of their figures, and what they learn from."""

    unit: str | None
    items: str | None
    errors: bool


def show(library: Library, rows: Sequence[Row], columns: Sequence[str], depths: Sequence[int] = ()) -> list[Row]:
    """The table of ``rows``; those that are chosen in it. A press of "Open" is heard by :func:`pressed`.

    depths: how far each stands below the first of its family.
    """
    shared = _shared_by(rows)
    asked = [one for one in COLUMNS if one in columns and (one != "From" or any(_from(row, library) for row in rows))]
    indents = [_indent(depth) for depth in depths or [0] * len(rows)]
    named = [f"{indent}{row.name}" for indent, row in zip(indents, rows, strict=True)]
    values: dict[str, Any] = {"Open": ["Open"] * len(rows), "Run": named}
    for name in asked:
        values[name] = _column(name, rows, library)
        if name in ("Best", "Last") and shared.unit is None:  # figures of different kinds stand beside their units
            values["In"] = [_unit(row.view.run) if row.view.run else None for row in rows]
    table = pd.DataFrame(values)
    shown: Any = st.dataframe(
        _written(table, rows),
        on_select="rerun",  # rows are chosen by their boxes; that opens none
        selection_mode="multi-row",
        hide_index=True,
        row_height=40,
        height="content" if len(table) <= 15 else 640,
        placeholder="–",
        key=f"earlier-{zlib.crc32(','.join(row.reader.id for row in rows).encode())}",  # a row is one run
        column_config={
            **{name: _config(name, shared, rows) for name in values},
            "Run": st.column_config.TextColumn(width=_wide(named)),
        },
    )
    return [rows[row] for row in shown["selection"]["rows"] if row < len(rows)]


def _indent(depth: int) -> str:
    """Before the name of one that began from the run above it; the column "From" says it in words."""
    return "\N{EM SPACE}" * (depth - 1) + "↳ " if depth else ""


def pressed(rows: Sequence[Row]) -> Row | None:
    """The run whose "Open" was pressed: a press, not a selection, for an arrow key selects as well.

    ``rows`` are those of the table as it stands now. The press was made in the one before: a run that ended between
    has moved all others down.
    """
    found: Any = st.session_state.get(PRESSED)
    before = st.session_state.get(DRAWN, ())
    st.session_state[DRAWN] = [row.reader.id for row in rows]
    meant = before[found["row"]] if found is not None and found["row"] < len(before) else None
    return next((row for row in rows if row.reader.id == meant), None)


def _column(name: str, rows: Sequence[Row], library: Library) -> Any:
    values = [COLUMNS[name](row, library) for row in rows]
    return pd.Series(values, dtype="datetime64[s]") if name == "Started" else values


def _written(table: pd.DataFrame, rows: Sequence[Row]) -> Any:
    """The table with its figures and sizes in the words of every other page; they are sorted as numbers.

    What has no format of its own in :func:`_config` is seen as it is written here.
    """
    styler = table.style.format(na_rep="–")
    if "Size" in table:
        styler.format(size, subset=["Size"])
    columns = [name for name in ("Best", "Last") if name in table]
    units = [row.view.run.monitor.unit if row.view.run else "" for row in rows]
    for unit in set(units):
        there = [place for place, one in enumerate(units) if one == unit]
        styler.format(partial(_bare, unit=unit), subset=(there, columns), na_rep="–")
    return styler


def _bare(value: float, unit: str) -> str:
    """A figure without its unit, which its column says, or the one beside it."""
    return figure(value, unit).removesuffix(" %").removesuffix(f" {unit}")


def _config(name: str, shared: _Shared, rows: Sequence[Row]) -> Any:
    unit = f", {shared.unit}" if shared.unit in (*DECIMALS, "%") else ""
    numbers = {
        "Best": (f"Best{unit}", None),
        "Last": (f"Last{unit}", None),
        "Sweet spot": ("Sweet spot", "epoch %d"),
        "Epochs": ("Epochs", "%d"),
        "Minutes": ("Minutes", "%.1f"),
        "Items": (shared.items.capitalize() if shared.items else "Items", "%d"),
        "Size": ("Size", None),
    }
    if name in numbers:
        label, form = numbers[name]
        return st.column_config.NumberColumn(label, format=form, alignment="left")
    if name == "Open":
        return st.column_config.ButtonColumn("", key=PRESSED, width=70)
    if name == "State":
        labels = states.ALL_LABELS
        return st.column_config.MultiselectColumn(options=list(labels), color=list(labels.values()))
    if name == "Tags":
        return st.column_config.MultiselectColumn(options=_tags_of(rows), color="gray", width=150)
    if name in ("From", "In"):
        return st.column_config.TextColumn(width=150)  # of its own accord as narrow as its name
    if name == "Error":
        return st.column_config.LineChartColumn("Error" if shared.errors else "Error or score", color="gray")
    if name == "Started":
        return st.column_config.DatetimeColumn(format="D MMM YYYY, HH:mm")
    return st.column_config.TextColumn(width="medium" if name == "Notes" else None)


def _wide(names: Iterable[str]) -> int:
    """Pixels for the longest of ``names``, as far as a phone can give them beside a figure."""
    return min(WIDEST_NAME, max(80, 24 + 7 * max(map(len, names), default=0)))


def _tags_of(rows: Iterable[Row]) -> list[str]:
    """Every tag that is in use, by the alphabet."""
    return sorted({tag for row in rows for tag in row.view.notes.tags}, key=str.casefold)


def _shared_by(rows: Sequence[Row]) -> _Shared:
    runs = [row.view.run for row in rows if row.view.run]
    return _Shared(
        unit=_one(_unit(run) for run in runs),
        items=_one(run.monitor.nouns.items for run in runs),
        errors=all(run.monitor.better == "lower" for run in runs),
    )


def _one(words: Iterable[str]) -> str | None:
    """The one word that all of ``words`` are; None where they differ, or there is none."""
    found = set(words)
    return found.pop() if len(found) == 1 else None


def _unit(run: RunRecord) -> str:
    """What a figure of the run counts: "dB", "%", or the score's own name."""
    unit = "%" if run.monitor.unit == "fraction" else run.monitor.unit
    return unit or words.nouns(run).measure or words.metric_label(run)


def _best(row: Row, _: Library) -> float | None:
    best = row.view.status.best if row.view.status else None
    return best.raw if best and row.view.run else None


def _last(row: Row, _: Library) -> float | None:
    run, status = row.view.run, row.view.status
    return status.metrics.get(run.monitor.metric) if run and status else None


def _spot(row: Row, _: Library) -> int | None:
    spot = best_epoch(row.view.status, row.view.run)
    return spot.epoch if spot else None


def _spark(row: Row, _: Library) -> list[float] | None:
    """The monitored error by epoch, for a small line."""
    if row.view.run is None:
        return None
    store = metrics_of(row.reader.root)
    store.refresh()
    values = store.epochs.get(row.view.run.monitor.metric)
    values = values[np.isfinite(values)]
    stride = max(1, len(values) // SPARK_POINTS)
    return [float(value) for value in values[::stride]] if len(values) > 1 else None


def _items(row: Row, _: Library) -> int | None:
    return row.view.run.num_train_files + row.view.run.num_val_files if row.view.run else None


def _preset(row: Row, _: Library) -> str | None:
    preset = row.view.run.config.training.get("preset") if row.view.run else None
    return preset if isinstance(preset, str) else None


def _from(row: Row, library: Library) -> str | None:
    parent = row.view.run.parent if row.view.run else None
    return None if parent is None else f"{moment(parent)} of {library.name_of(parent.uuid) or parent.run}"


def moment(parent: Parent) -> str:
    """Which moment of its parent a run began with: "epoch 31", "the best epoch", "update 2,970"."""
    if found := snapshot_moment(parent.checkpoint):
        return f"epoch {found[0]}"
    step = checkpoint_step(parent.checkpoint)
    return "the best epoch" if step is None else f"update {number(step)}"


def _started(row: Row, _: Library) -> datetime | None:
    return datetime.fromtimestamp(row.view.begun_at) if row.view.begun_at else None


COLUMNS: Mapping[str, Callable[[Row, Library], Any]] = {
    "Best": _best,
    "State": lambda row, _: [badge.label for badge in states.badges(row.view)],
    "Last": _last,
    "Sweet spot": _spot,
    "Error": _spark,
    "Epochs": lambda row, _: row.view.status.epoch if row.view.status else None,
    "Minutes": lambda row, _: row.view.status.elapsed_s / 60 if row.view.status else None,
    "Data": lambda row, _: row.view.run.source.name if row.view.run else None,
    "Items": _items,
    "Guard": _preset,
    "From": _from,
    "Size": lambda row, library: library.size(row.reader),
    "Tags": lambda row, _: list(row.view.notes.tags),
    "Notes": lambda row, _: " ".join(row.view.notes.text.split()) or None,
    "Started": _started,
}
"""What there is to see of a run beside its name, in the order of the table: a phone cuts off what comes last."""

USUAL = ("Best", "State", "Sweet spot", "Error", "Epochs", "Items", "From", "Tags", "Started")
