"""Words on what an epoch sounds like, kept with the run's notes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st

from app.look import style
from app.look.plain import plain
from app.panels import star
from app.panels.moments import Moments
from engine.errors import SweetspotError
from engine.rundir.annotate import annotate, refusal
from engine.rundir.notes import LONGEST_REMARK, read_notes
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

MOST_LISTED = 50


def show(reader: RunReader, view: RunView, there: Moments, step: int, go: Callable[[int], None]) -> None:
    """A field for the words on one moment, and what was said of the others. go: what a press on one of those does."""
    where = there.where(step)
    style.title("In your words", "kept with the run's notes")
    notes = read_notes(reader.layout)
    remarks = notes.remarks
    if refused := refusal(view, reader.root):
        style.quiet(remarks.get(step) or str(refused))
    else:
        _star(reader, where, step, step in notes.starred)
        key = f"remark-{reader.id}-{step}"
        st.session_state.setdefault(key, remarks.get(step, ""))
        st.text_input(
            f"What you hear {'at ' if step else ''}{where}",
            key=key, max_chars=LONGEST_REMARK, placeholder="dull kick, but the hat is there",
            on_change=_write, args=(reader, step, key),
        )  # fmt: skip
        if fault := st.session_state.pop("remark-fault", None):
            style.note("red", "error", fault)
    said = sorted({*remarks, *notes.starred} - {step})
    others = [one for one in said if one in there.steps][-MOST_LISTED:]
    for one in others:
        place = there.where(one)
        star, words = "★ " if one in notes.starred else "", f": {remarks[one]}" if one in remarks else ""
        label = plain(f"{star}{place[:1].upper()}{place[1:]}{words}")
        st.button(label, key=f"said-{reader.id}-{one}", type="tertiary", on_click=go, args=(one,))


def _star(reader: RunReader, where: str, step: int, on: bool) -> None:
    star.button(
        plain(f"Take the star of {where} away" if on else f"Give {where} a star"),
        "Starred: what made it is kept. Press to take the star away." if on else "Give it a star: it is kept",
        f"{reader.id}-{step}", on, _annotate, reader, {"starred": {step: not on}},
    )  # fmt: skip


def _write(reader: RunReader, step: int, key: str) -> None:
    _annotate(reader, {"remarks": {step: str(st.session_state[key])}})


def _annotate(reader: RunReader, changes: Mapping[str, Any]) -> None:
    try:
        annotate(reader, **changes)
    except SweetspotError as error:
        st.session_state["remark-fault"] = str(error)
