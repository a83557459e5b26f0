"""What refuses is said in its place: one of several runs that something is done with, or the one of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from app.look import style
from app.panels.runs_table import Row
from app.runs.library import Library, open_library
from engine.errors import RunDirectoryError, SweetspotError
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView


def each(rows: Iterable[Row], act: Callable[[Row], object]) -> None:
    """``act`` on every one of ``rows``; why some refused, :func:`app.panels.actions.complaint` tells."""
    refused = []
    for row in rows:
        try:
            act(row)
        except SweetspotError as error:
            refused.append(str(error))
    open_library().changes.forget()  # the system may tell it later than the page is drawn
    if refused:
        st.session_state["complaint"] = " ".join(refused)


def view_or_refusal(library: Library, reader: RunReader) -> RunView | None:
    """A run for its own page; None, and why in place of the page, where it cannot be opened."""
    try:
        return library.view(reader)
    except RunDirectoryError as error:
        style.name(reader.id)
        style.note("red", "error", "This run cannot be opened.", str(error))
        return None
