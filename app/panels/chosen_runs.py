"""What is done with the runs that are ticked: compare, name, tag, archive, delete."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from app.look import style
from app.panels import actions, questions, run_notes
from app.panels.refusals import each
from app.panels.runs_table import Row
from app.runs import launch
from app.runs.compared import FEWEST, MOST, kind
from app.runs.library import Library
from engine.quantities import counted, plural, size, small
from engine.rundir.annotate import annotate
from engine.rundir.view import RunView


def buttons(picked: Sequence[Row]) -> None:
    """What can be done with them. Beside the heading, so that the table stays where it is."""
    if not picked:
        style.quiet("Tick runs to open, compare, name, archive or delete them; with keys by Shift and Space.")
        return
    if len(picked) == 1:  # the table's own buttons take no keys
        st.page_link(
            "views/run.py", label="Open", icon=":material/arrow_forward:", query_params={"run": picked[0].reader.id},
            width="content",
        )  # fmt: skip
    missing = _compare(picked)
    run_notes.button(picked)
    _archive(picked)
    st.button(
        "Delete", icon=":material/delete:", key="delete-chosen", type="tertiary", on_click=questions.ask,
        args=("delete-all", *(row.reader.id for row in picked)),
    )  # fmt: skip
    style.quiet(missing)


def dialog(library: Library, rows: Sequence[Row]) -> None:
    """What was asked about and not answered yet, drawn with every refresh of the page."""
    run_notes.dialog(rows)
    found = [row for row in rows if row.reader.id in questions.asked("delete-all")]
    if found:
        question = f"Delete {plural(len(found), 'this run', 'these runs')}?"
        st.dialog(question, on_dismiss=questions.answered)(_confirm)(library, found)


def _compare(picked: Sequence[Row]) -> str:
    """The way to Compare, or what is missing for it."""
    kinds = {kind(row.view.run) for row in picked if row.view.run}
    if len(picked) < FEWEST:
        return "Choose one more to compare."
    if len(picked) > MOST:
        return f"{small(MOST).capitalize()} are the most that can be compared."
    if len(kinds) != 1:
        return "These learn different things: choose runs of one kind to compare."
    st.page_link(
        "views/compare.py", label=f"Compare {small(len(picked))}", icon=":material/compare_arrows:",
        query_params={"runs": ",".join(row.reader.id for row in picked)}, width="content",
    )  # fmt: skip
    return ""


def _archive(picked: Sequence[Row]) -> None:
    away = not all(row.view.notes.archived for row in picked)
    label, icon = ("Archive", "archive") if away else ("Take out of the archive", "unarchive")
    st.button(
        label, icon=f":material/{icon}:", key="archive", type="tertiary",
        on_click=each, args=(picked, lambda row: annotate(row.reader, archived=away)),
    )  # fmt: skip


def _confirm(library: Library, rows: Sequence[Row]) -> None:
    style.dialog()
    gone = [row for row in rows if actions.may_be_deleted(row.view)]
    sizes = {row.reader.id: library.size(row.reader) for row in gone}
    if gone:
        count, go = counted(len(gone), "run"), plural(len(gone), "goes", "go")
        all_of_it = f"with all that {plural(len(gone), 'it', 'they')} learnt and made"
        style.line(f"*{count}, {size(sum(sizes.values()))}*, {go} for good, {all_of_it}.")
        facts = "".join(
            f"<tr><td>{style.safe(row.name)}</td><td>{style.safe(size(sizes[row.reader.id]))}</td></tr>" for row in gone
        )
        st.html(f'<table class="ss-facts ss-names">{facts}</table>')
    for row in rows:
        if row not in gone:
            style.note("gray", "lock", f"{row.name} stays.", _why_it_stays(row.view))
    yes, no = st.columns(2)
    done = gone and yes.button(
        "Delete for good", type="primary", icon=":material/delete:", width="stretch", key="delete-now",
        on_click=_delete, args=(gone,),
    )  # fmt: skip
    keep = f"Keep {plural(len(rows), 'it', 'them')}"
    if no.button(keep, width="stretch", key="delete-not", on_click=questions.answered) or done:
        st.rerun()


def _why_it_stays(view: RunView) -> str:
    if view.state.live or actions.starting_again(view):
        return "It trains: stop it first."
    return f"A process may still train it. {view.doubt}".strip()


def _delete(rows: Sequence[Row]) -> None:
    questions.answered()
    each(rows, lambda row: launch.launcher().delete(row.reader.root))
