"""What a person says of runs: the question for a name, tags and a note, of one run or of several at once."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.look import style
from app.panels import questions
from app.panels.refusals import each
from app.panels.runs_table import Row
from engine.quantities import small
from engine.rundir.annotate import annotate, refusal
from engine.rundir.notes import LONGEST_NAME, LONGEST_TEXT
from engine.rundir.view import RunView

_NAME, _TAGS, _TEXT = "note-name", "note-tags", "note-text"


def button(rows: Sequence[Row]) -> bool:
    """To ask for the notes on ``rows``; whether it was pressed."""
    return st.button(
        "Name, tags, note" if len(rows) == 1 else "Tags", icon=":material/edit:", key="annotate", type="tertiary",
        on_click=_ask, args=(rows,),
    )  # fmt: skip


def _ask(rows: Sequence[Row]) -> None:
    notes = rows[0].view.notes
    questions.ask("notes", *(row.reader.id for row in rows))
    st.session_state[_NAME] = notes.name or _begun_as(rows[0])
    st.session_state[_TAGS] = ", ".join(_shared(rows))
    st.session_state[_TEXT] = notes.text


def dialog(rows: Sequence[Row]) -> None:
    """The question, if it was asked about some of ``rows`` and not answered yet."""
    found = [row for row in rows if row.reader.id in questions.asked("notes")]
    if len(found) == 1:
        _ask_of_one(found[0])
    elif found:
        _ask_of_many(found)


@st.dialog("Name, tags, note", on_dismiss=questions.answered)
def _ask_of_one(row: Row) -> None:
    style.dialog()
    if reason := refusal(row.view, row.reader.root):
        style.note("gray", "lock", "It can only be looked at.", str(reason))
        return
    with st.form("notes", border=False):
        st.text_input("Name", key=_NAME, max_chars=LONGEST_NAME, placeholder=_begun_as(row))
        _tags("Tags, with commas between them")
        st.text_area("Note", key=_TEXT, max_chars=LONGEST_TEXT, height=140)
        _choice([row])


@st.dialog("Tags of several runs", on_dismiss=questions.answered)
def _ask_of_many(rows: Sequence[Row]) -> None:
    style.dialog()
    with st.form("notes", border=False):
        _tags(f"Tags that all {small(len(rows))} have, with commas between them")
        style.quiet("Tags that only some of them have stay as they are.")
        _choice(rows)


def _tags(label: str) -> None:
    st.text_input(label, key=_TAGS, max_chars=400, placeholder="hats, keeper")


def _choice(rows: Sequence[Row]) -> None:
    yes, no = st.columns(2)
    kept = yes.form_submit_button(
        "Save", type="primary", icon=":material/check:", width="stretch", key="notes-now", on_click=_keep, args=(rows,)
    )
    if no.form_submit_button("Cancel", width="stretch", key="notes-not", on_click=questions.answered) or kept:
        st.rerun()


def _keep(rows: Sequence[Row]) -> None:
    questions.answered()
    shared = _shared(rows)
    said = [tag.strip() for tag in str(st.session_state.get(_TAGS, "")).split(",")]

    def tagged(row: Row) -> list[str]:
        return [*(tag for tag in row.view.notes.tags if tag not in shared), *said]

    own = {"name": _called(rows[0]), "text": st.session_state.get(_TEXT, "")} if len(rows) == 1 else {}
    each(rows, lambda row: annotate(row.reader, tags=tagged(row), **own))


def _called(row: Row) -> str:
    """The name that was asked for, "" where it is the one that the run began with."""
    name = str(st.session_state.get(_NAME, "")).strip()
    return "" if name == _begun_as(row) else name


def _shared(rows: Sequence[Row]) -> list[str]:
    """The tags that all of them have."""
    return [tag for tag in rows[0].view.notes.tags if all(tag in row.view.notes.tags for row in rows)]


def _begun_as(row: Row) -> str:
    """What it is called where nobody gave it a name."""
    return (row.view.run.name if row.view.run else row.reader.id)[:LONGEST_NAME]


def shown(view: RunView) -> None:
    """The tags and the note of a run, where there are any; and why there may be more than is shown."""
    notes = view.notes
    tags = "".join(f'<span class="ss-tag">{style.safe(tag)}</span>' for tag in notes.tags)
    text = f'<div class="ss-note-text">{style.safe(notes.text)}</div>' if notes.text else ""
    if tags or text:
        st.html(f'<div class="ss-said-of">{tags}{text}</div>')
    if view.notes_doubt:
        style.note("yellow", "info", "Its notes cannot be read.", view.notes_doubt)
