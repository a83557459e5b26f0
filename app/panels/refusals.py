"""Something done with several runs: where one refuses, the others are done all the same, and the page says why."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import streamlit as st

from app.panels.runs_table import Row
from app.runs.library import library
from engine.errors import SweetspotError


def each(rows: Iterable[Row], act: Callable[[Row], object]) -> None:
    """``act`` on every one of ``rows``; why some refused, :func:`app.panels.actions.complaint` tells."""
    refused = []
    for row in rows:
        try:
            act(row)
        except SweetspotError as error:
            refused.append(str(error))
    library().changes.forget()  # the system may tell it later than the page is drawn
    if refused:
        st.session_state["complaint"] = " ".join(refused)
