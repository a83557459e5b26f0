"""What a collection is like before anything learns from it: one card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app.charts import specs
from app.charts.lengths import length_rows
from app.look import style
from app.runs.scan import Checked
from engine.audio.files.find import find_files
from engine.collection.collection import LEFT_OUT
from engine.collection.health import SHORTLY, Health
from engine.printable import escaped, unmarked
from engine.quantities import counted, sound_length
from engine.rundir.record import FileRow
from engine.settings import OverfittingPreset

_LOOK = {
    "error": ("red", "error"),
    "warning": ("orange", "info"),
    "info": ("gray", "info"),
    "good": ("green", "check_circle"),
}


PLAYERS = 5  # at once: each loads its whole file
MOST_BYTES = 50 << 20
_PLAYED = frozenset((".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3"))


def left_out(source: str) -> list[str]:
    """The files of ``source`` that are left out, as they were chosen on the page."""
    found: dict[str, list[str]] = st.session_state.setdefault("left-out", {})
    return found.setdefault(source, [])


def _choose(source: str, path: str) -> None:
    """Leave a file out, or take it in again; before the page is drawn anew."""
    out = left_out(source)
    if path in out:
        out.remove(path)
    else:
        out.append(path)


def card(checked: Checked, source: str) -> None:
    """Verdict, four numbers, one dot a sound, findings, the files one by one, what was skipped."""
    health = checked.health
    used = [row for row in health.files if row.verdict != "skipped"]
    with st.container(border=True, key="health"):
        with st.container(horizontal=True, vertical_alignment="center"):
            style.head_words(verdict(health))
            _badge(health)
        _figures(health)
        if used:
            _lengths(used)
        for found in health.findings:
            colour, icon = _LOOK[found.severity]
            strong, colon, rest = found.message.partition(": ")
            if colon:
                style.finding(colour, icon, strong, f": {rest}")
            else:
                style.finding(colour, icon, "", found.message)
        _to_hear(checked, source)
        _one_by_one(checked, source)
        if skipped := [row for row in health.files if row.verdict == "skipped" and row.reason != LEFT_OUT]:
            _skipped(skipped, opened=not used)


def verdict(health: Health) -> str:
    """One judgement in words."""
    if not health.ready:
        return "Not enough to learn from"
    careful = health.preset is OverfittingPreset.CONSERVATIVE or any(
        found.severity == "warning" for found in health.findings
    )
    return "Good to go, with care" if careful else "Good to go"


def _badge(health: Health) -> None:
    if not health.ready:
        st.badge("too few", icon=":material/error:", color="red")
    elif health.preset is OverfittingPreset.CONSERVATIVE:
        st.badge("small collection", icon=":material/eco:", color="yellow")


def _figures(health: Health) -> None:
    usable = f"{health.usable} of {len(health.files)}" if health.skipped else str(health.usable)
    figures = [
        ("Usable sounds", usable),
        ("Length in all", sound_length(health.total_duration_s)),
        ("To learn from", str(health.learn)),
        ("To check with", str(health.check)),
    ]
    if not health.usable:  # of nothing there is no length, and no side
        st.metric(*figures[0])
        return
    for half, pair in zip(st.columns(2), (figures[:2], figures[2:]), strict=True):
        for column, (label, value) in zip(half.columns(2, wrap=False), pair, strict=True):
            column.metric(label, value)


def _lengths(used: list[FileRow]) -> None:
    dots, unit, rows = length_rows(used)
    what = "one dot a sound:" if dots else "how many sounds:"
    st.html(
        f'<div class="ss-head">How long they are <span>{what}</span> <span class="ss-learn">● learns</span> '
        f'<span class="ss-check">{"○" if dots else "●"} checks</span> <span>· {unit}</span></div>'
    )
    spec = specs.DOTS if dots else specs.HISTOGRAM
    alt = f"Lengths of {counted(len(used), 'sound')}"
    st.vega_lite_chart(rows, spec, width="stretch", key="lengths", alt=alt)


def _to_hear(checked: Checked, source: str) -> None:
    """A player for each file that a finding is about, a few at once; nothing is opened before that is asked for."""
    named = [row for row in checked.health.files if row.verdict != "skipped" and _flags(row)]
    if not named:
        return
    folded = st.expander("Hear what was found", on_change="rerun", key="to-hear")
    if not folded.open:
        return
    with folded:
        pages = -(-len(named) // PLAYERS)
        page = int(st.number_input("Page", 1, pages, key="to-hear-page", width=160)) if pages > 1 else 1
        inside = {found.shown: found.path for found in find_files(checked.folder)}
        for row in named[(page - 1) * PLAYERS : page * PLAYERS]:
            style.line(f"{unmarked(row.path)} – {unmarked(_flags(row))}")
            _heard(row, inside.get(row.path), source, "flagged")


def _flags(row: FileRow) -> str:
    """Why a file is remarked upon, in a phrase; empty where nothing is."""
    said = [row.reason] if row.reason and row.reason != LEFT_OUT else []
    said += [fault.words for fault in row.faults] + ([f"repeats {row.same_as}"] if row.same_as else [])
    return "; ".join(said)


def _in_short(row: FileRow) -> str | None:
    """The same in a word or two each, which a row of a table holds whole."""
    said = [SHORTLY.get(fault.code, fault.code) for fault in row.faults] + (["a repeat"] if row.same_as else [])
    noted = bool(row.reason) and row.reason != LEFT_OUT
    return ", ".join([*(["a note"] if noted else []), *said]) or None


def _one_by_one(checked: Checked, source: str) -> None:
    """Every file that could be learnt, to hear and to leave out."""
    rows = [row for row in checked.health.files if row.verdict != "skipped" or row.reason == LEFT_OUT]
    out = sum(row.reason == LEFT_OUT for row in rows)
    if not rows:
        return
    # The same words whatever is left out: under others it would be another one, and closed.
    folded = st.expander("Choose among the sounds", on_change="rerun", key="choose")
    if not folded.open:
        return
    with folded:
        if out:
            style.quiet(f"{counted(out, 'sound')} left out.")
        table = pd.DataFrame([_line(row) for row in rows])
        picked: Any = st.dataframe(
            table, hide_index=True, row_height=36, height=min(360, 38 * (len(table) + 1)), placeholder="–",
            on_select="rerun", selection_mode="single-row", key="choose-rows",
            column_config={name: st.column_config.Column(width="small") for name in ("Length", "Use")},
        )  # fmt: skip
        chosen = [place for place in picked["selection"]["rows"] if place < len(rows)]
        if not chosen:
            style.quiet("Tick one to hear it, to read its remarks in full, and to leave it out.")
            return
        row = rows[chosen[0]]
        if said := _flags(row):
            style.line(f"{unmarked(row.path)} – {unmarked(said)}")
        inside = {found.shown: found.path for found in find_files(checked.folder)}
        _heard(row, inside.get(row.path), source, "chosen")


def _line(row: FileRow) -> dict[str, str | None]:
    side = {"train": "learns", "val": "checks"}
    return {
        "File": escaped(row.path),
        "Length": None if row.duration_s is None else sound_length(row.duration_s),
        "Use": side.get(str(row.split), "left out"),
        "Remarks": _in_short(row),
    }


def _heard(row: FileRow, path: Path | None, source: str, where: str) -> None:
    """A player, with the button that leaves its file out or takes it in again."""
    out = row.reason == LEFT_OUT
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            _player(row, path)
        st.button(
            "Take it in again" if out else "Leave it out",
            icon=":material/undo:" if out else ":material/remove_circle:", key=f"{where}-{source}-{row.path}",
            on_click=_choose, args=(source, row.path),
        )  # fmt: skip


def _player(row: FileRow, path: Path | None) -> None:
    if path is None or not path.is_file():
        style.quiet("It is not there any more.")
    elif path.suffix.lower() not in _PLAYED or path.stat().st_size > MOST_BYTES:
        style.quiet("A browser does not play it: too large, or of a kind that it does not know.")
    else:
        st.audio(str(path), alt=f"Play {escaped(row.path)}")


def _skipped(skipped: list[FileRow], opened: bool) -> None:
    with st.expander(f"{counted(len(skipped), 'file')} skipped", expanded=opened):
        table = pd.DataFrame({"File": [escaped(row.path) for row in skipped], "Why": [row.reason for row in skipped]})
        st.dataframe(table, hide_index=True, row_height=36)
