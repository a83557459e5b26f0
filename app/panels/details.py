"""What lies below the curves: checkpoints, other curves, memory, settings, notes and the log."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.charts import small_plots, specs
from app.charts.small_curves import small_rows
from app.look import states, style, words
from app.look.plain import plain
from app.panels import chart_controls, onward, saved_states
from app.panels.forms import changed, label, shown
from app.runs import dropped
from app.runs.data import dataset_of
from app.runs.intact import intact
from app.runs.store import metrics_of
from engine.claims.figures import gaps
from engine.claims.headline import saved_best_name
from engine.claims.verdict import as_told
from engine.printable import escaped
from engine.quantities import counted, number, size, sound_length
from engine.rundir.artefacts import Artefact
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.reading import last_lines
from engine.rundir.record import DatasetRecord, FileRow, RunRecord
from engine.rundir.status import Status
from engine.rundir.view import RunView


def tabs(reader: RunReader, view: RunView) -> None:
    """The tabs; only the open one is drawn."""
    notes = all_notes(reader.root, view)
    labels = [
        "From here on",
        "Checkpoints",
        "More curves",
        "Memory",
        plain(words.nouns_of(view).found),
        "Settings",
        f"Notes ({len(notes)})" if notes else "Notes",
        "Log",
    ]
    opened = st.tabs(labels, key=f"tabs-{reader.id}", on_change="rerun")
    draws = (onward.show, _checkpoints, _more, _memory, _sounds, _settings, _show_notes, _log)
    for tab, draw in zip(opened, draws, strict=True):
        if tab.open:
            with tab:
                draw(reader, view)


def _checkpoints(reader: RunReader, view: RunView) -> None:
    rows = checkpoint_rows(reader, view)
    if not rows:
        first = "Nothing saved yet. The first checkpoint comes twenty seconds after the first update."
        style.quiet(first if view.state.live else "Nothing is saved.")
        return
    table = pd.DataFrame(rows[::-1])
    st.dataframe(
        table, hide_index=True, placeholder="–", row_height=38,
        column_config={"Epoch": st.column_config.NumberColumn(alignment="left")},
    )  # fmt: skip
    style.quiet("The newest ones and the best stay; resuming takes the newest that is intact.")
    if usable := sorted({one.epoch for one in reader.saved_states(intact)}):
        style.quiet(f"Weights to use are kept of epoch {', '.join(map(str, usable))}.")
    if missing := saved_states.look(reader).damaged:
        style.quiet(missing)


def checkpoint_rows(reader: RunReader, view: RunView) -> list[dict[str, Any]]:
    """What is saved, by column, the oldest first; what a narrow page cuts off comes last."""
    rows = []
    for item in reader.checkpoints():
        manifest = item.manifest
        rows.append(
            {
                "Epoch": manifest.epoch if manifest else None,
                "For": _purpose(item, view),
                "Written": words.when(item.path.stat().st_mtime, time.time()) if item.path.exists() else "–",
                "Size": size(item.path.stat().st_size) if item.path.exists() else "–",
                "Step": number(manifest.step) if manifest else None,
                "File": item.path.name,
            }
        )
    return rows


def _purpose(item: Artefact, view: RunView) -> str:
    if item.manifest is None:
        return "damaged: its manifest is missing"
    if not intact(item):
        return "damaged: it will not be loaded"
    if not item.path.name.startswith("best"):
        return "to resume from"
    return f"the {saved_best_name(view.status, item.manifest.step)}, to use"


def _more(reader: RunReader, view: RunView) -> None:
    if view.run is None:
        style.quiet("Curves begin with the first step.")
        return
    small_plots.more(reader, view.run, chart_controls.chosen())


def _memory(reader: RunReader, view: RunView) -> None:
    store = metrics_of(reader.root)
    store.refresh()
    memory = view.status.memory if view.status else None
    rows = store.memory
    if memory is not None:
        device = (
            f" · device *{size(memory.device_used_bytes)}* of {size(memory.device_total_bytes or 0)}"
            if memory.device_used_bytes is not None
            else " · no accelerator in use"
        )
        style.line(
            f"Process *{size(memory.process_bytes)}* · system *{size(memory.system_used_bytes)}* of "
            f"{size(memory.system_total_bytes)}{device}"
        )
    if not rows:
        style.quiet("Measured every five seconds while it learns.")
        return
    minutes = np.array([row.get("elapsed_s", np.nan) for row in rows], float) / 60
    columns = st.columns(3, gap="medium")
    for column, (name, title) in zip(columns, _MEMORY.items(), strict=True):
        used = np.array([row.get(name, np.nan) for row in rows], float) / 1e9
        if not np.isfinite(used).any():
            continue
        with column:
            style.title(title, "GB, by minutes")
            table = store.cached(("memory", name), lambda used=used: small_rows(used, minutes))  # type: ignore[misc]
            st.vega_lite_chart(table, _MINUTES, width="stretch", key=f"memory-{name}-{reader.id}", alt=title)


_MINUTES = specs.small_chart(whole=False)
_MEMORY = {"process_bytes": "This process", "system_used_bytes": "The whole system", "device_used_bytes": "The device"}


def _sounds(reader: RunReader, view: RunView) -> None:
    dataset = dataset_of(reader)
    if dataset is None:
        style.quiet("Listed once they are read.")
        return
    if not dataset.files:
        if view.run is not None:
            learn, check = view.run.num_train_files, view.run.num_val_files
            style.line(f"*{number(learn)}* rows to learn from, *{number(check)}* to check with.")
        return
    table = pd.DataFrame(file_rows(dataset))
    st.dataframe(table, hide_index=True, placeholder="–", row_height=36, height=min(400, 38 * (len(table) + 1)))


def file_rows(dataset: DatasetRecord) -> list[dict[str, str | None]]:
    """What became of every file, by column."""
    side = {"train": "learns", "val": "checks", None: ""}
    return [
        {
            "File": escaped(row.path),
            "Use": side[row.split] if row.verdict != "skipped" else "skipped",
            "Length": None if row.duration_s is None else sound_length(row.duration_s),
            "Note": _note(row),
        }
        for row in dataset.files
    ]


def _note(row: FileRow) -> str | None:
    said = [row.reason] if row.reason else []
    said += [f"same sound as {escaped(row.same_as)}"] if row.same_as else []
    return "; ".join([*said, *(fault.words for fault in row.faults)]) or None


def _settings(reader: RunReader, view: RunView) -> None:
    run = view.run
    if run is None:
        style.quiet("Fixed once the data is read.")
        return
    facts = basic_facts(run) | started(view) | longer_facts(view)
    if view.session is not None:
        facts |= {
            "Trained on": f"{view.session.host}, {view.session.device}, {counted(view.session.threads, 'thread')}"
        }
    settings = chosen(run)
    left, right = st.columns(2)
    for column, rows in ((left, facts), (right, settings)):
        frame = pd.DataFrame({"Fact" if rows is facts else "Setting": list(rows), "Value": list(rows.values())})
        column.dataframe(frame, hide_index=True, row_height=36, height="content")
    with left:
        style.quiet("Its directory, with every sound as a WAV file:" if run.can.make_sounds else "Its directory:")
        st.code(str(reader.root), language=None, wrap_lines=True)


def longer_facts(view: RunView) -> dict[str, str]:
    """That it was trained longer than its settings say, where it was."""
    return {"Extended": said} if (said := words.longer(view)) else {}


def chosen(run: RunRecord) -> dict[str, str]:
    """Every setting as the form calls it, and its value."""
    named = {label(name): _plain(value) for name, value in changed(run.task, run.config.model_dump()).items()}
    minutes = run.config.training.get("max_minutes")  # the form of a new run has a slider of its own for it
    return ({} if minutes is None else {label("max_minutes"): _plain(minutes)}) | named


def basic_facts(run: RunRecord) -> dict[str, str]:
    """What a run learns, and in what portions."""
    return {
        "Source": dropped.shown(run.source.path or run.source.name),
        "Learns": words.nouns(run).items,
        f"{words.nouns(run).portions} to learn from": number(run.num_train),
        "Steps an epoch": number(run.steps_per_epoch),
        "Items an update": number(run.batch_size),
        label("preset"): str(run.config.training.get("preset", "–")),
        **({"Began with": f"{run.parent.checkpoint} of {run.parent.run}"} if run.parent else {}),
        "Run": run.uuid,
    }


def started(view: RunView) -> dict[str, str]:
    """When its first session began, as the table of runs sorts it; nothing where no session can be read."""
    return {"Started": words.date(view.begun_at)} if view.begun_at else {}


def _plain(value: Any) -> str:
    return ("no", "yes")[value] if isinstance(value, bool) else shown(value)


def all_notes(root: Path, view: RunView) -> list[states.Note]:
    """What the engine finds now, after what it warned of: findings that are past by their epoch, the others as they
    were; what it still finds is not said twice. Before them, how many lines of its figures are damaged."""
    status: Status | None = view.status
    if status is None:
        return []
    store = metrics_of(root)
    store.refresh()
    codes = {str(one.get("message")): str(one.get("code")) for one in store.warnings if "epoch" in one}
    damaged = [states.Note("yellow", "warning", "", text) for text in [gaps(store.damaged)] if text]
    now = as_told(view)
    found = {one.code for one in now}
    past = [
        states.Note("gray", "history", "", text)
        for text in status.warnings
        if text in codes and codes[text] not in found
    ]
    told = [states.Note("yellow", "warning", "", text) for text in status.warnings if text not in codes]
    return damaged + past + told + [states.noted(one) for one in now]


def _show_notes(reader: RunReader, view: RunView) -> None:
    notes = all_notes(reader.root, view)
    if not notes:
        style.quiet("Nothing to remark.")
    for note in notes:
        style.finding(note.colour, note.icon, note.strong, f" {note.text}")


def _log(reader: RunReader, view: RunView) -> None:
    show_log(reader.root)


def show_log(root: Path, lines: int = 200) -> None:
    """The end of what the trainer printed; never markup."""
    tail = last_lines(Layout(root).log)[-lines:]
    if tail:
        st.code("\n".join(tail), language=None, height=320, wrap_lines=True)
    else:
        style.quiet("No log: this run was started in a terminal, which shows it.")
