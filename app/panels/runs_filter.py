"""Which runs the table shows, and what of them: the words and states looked for, the columns chosen.

All of it stands in the address, and is remembered while one is on other pages.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import streamlit as st

from app.look import link, states
from app.panels.runs_table import COLUMNS, USUAL, Row

ARCHIVED = "Archived"
_LABELS = {"Items": "Sounds, rows", "Size": "Size on disk", "Minutes": "Minutes it took"}


def show(rows: Sequence[Row]) -> tuple[list[Row], list[str]]:
    """The fields, side by side; of ``rows`` those that are looked for, and the columns to show of them."""
    with st.container(horizontal=True, vertical_alignment="center", key="filter"):
        words = _words()
        chosen = _states(rows)
        columns = _columns()
    return [row for row in rows if _fits(row, words, chosen)], columns


def clear() -> None:
    """Look for everything again; the archive stays closed."""
    for name in ("find", "states"):
        _remember(name, "", "")
        st.session_state.pop(f"runs-{name}", None)


def _words() -> str:
    st.session_state.setdefault("runs-find", _remembered("find", ""))
    said = st.text_input(
        "Find runs", key="runs-find", placeholder="Find by name, tag, note, data", icon=":material/search:",
        label_visibility="collapsed", width=300,
    )  # fmt: skip
    _remember("find", said or "", "")
    return said or ""


def _states(rows: Sequence[Row]) -> list[str]:
    """What the runs of each state are, to press; those of the archive are shown alone, when it is pressed."""
    counts = Counter(badge.label for row in rows if not row.view.notes.archived for badge in states.badges(row.view))
    counts |= Counter({ARCHIVED: sum(row.view.notes.archived for row in rows)})
    options = [label for label in (*states.ALL_LABELS, ARCHIVED) if counts[label]]
    before = st.session_state.get("runs-states", _remembered("states", "").split(","))
    st.session_state["runs-states"] = [one for one in before if one in options]
    chosen = st.pills(
        "Show", options, selection_mode="multi", key="runs-states", label_visibility="collapsed", width="content",
        format_func=lambda one: f"{one} {counts[one]}",
    )  # fmt: skip
    _remember("states", ",".join(chosen), "")
    return list(chosen)


def _columns() -> list[str]:
    usual = ",".join(USUAL)
    said = st.session_state.get("runs-columns", _remembered("columns", usual).split(","))
    st.session_state["runs-columns"] = [one for one in said if one in COLUMNS]
    with st.popover("Columns", icon=":material/view_column:", type="tertiary", key="choose-columns"):
        chosen = st.pills(
            "Columns", list(COLUMNS), selection_mode="multi", key="runs-columns", label_visibility="collapsed",
            format_func=lambda one: _LABELS.get(one, one),
        )  # fmt: skip
    shown = [one for one in COLUMNS if one in chosen]
    _remember("columns", ",".join(shown), ",".join(one for one in COLUMNS if one in USUAL))
    return shown


def _remembered(name: str, usual: str) -> str:
    """What the address says, else what was chosen when this page was last seen."""
    return str(st.query_params.get(name, st.session_state.get(f"kept-{name}", usual)))


def _remember(name: str, value: str, usual: str) -> None:
    st.session_state[f"kept-{name}"] = value
    link.keep(name, value, usual)


def _fits(row: Row, words: str, chosen: Sequence[str]) -> bool:
    """Whether every word is in it somewhere, and it is in one of the states; archived ones only in the archive."""
    if row.view.notes.archived != (ARCHIVED in chosen):
        return False
    own = {badge.label for badge in states.badges(row.view)}
    asked = set(chosen) - {ARCHIVED}
    if asked and not asked & own:
        return False
    said = _said(row)
    return all(word in said for word in words.casefold().split())


def _said(row: Row) -> str:
    run, notes = row.view.run, row.view.notes
    told = [row.name, row.reader.id, *notes.tags, notes.text, *(badge.label for badge in states.badges(row.view))]
    if run is not None:
        told += [run.name, run.source.name, run.task, str(run.config.training.get("preset", ""))]
    return "\n".join(told).casefold()
