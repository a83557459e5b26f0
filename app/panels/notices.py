"""What a run tells whoever has its page open: its end, and each turn for the worse, as toasts and on the desktop.

A component of its own, as Streamlit knows no notices of the desktop; its style and program lie beside this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import streamlit as st
from streamlit.components import v2

from app.look import states
from app.look.plain import plain
from engine.process.notify import Event, events
from engine.quantities import counted
from engine.queue.listing import OVER, Listed
from engine.queue.standing import QueueRow
from engine.rundir.view import RunView

_BESIDE = Path(__file__)
_html, _css, _js = (_BESIDE.with_suffix(kind).read_text(encoding="utf-8") for kind in (".html", ".css", ".js"))
_desktop = v2.component("sweetspot_notices", html=_html, css=_css, js=_js, isolate_styles=False)

_SAID: dict[Event, tuple[str, str]] = {
    "done": ("Done", "check_circle"), "failed": ("Failed", "error"), "stopped": ("Stopped", "stop_circle"),
    "past": ("Past its sweet range", "hearing"), "memorising": ("Memorising", "hearing"),
}  # fmt: skip
_TURNS: tuple[Event, ...] = ("past", "memorising")


class Notice(NamedTuple):
    """id: what it is known by, the same in every tab; told when it was not there at the last look."""

    id: str
    event: Event
    title: str
    body: str


def of_run(view: RunView, name: str) -> list[Notice]:
    """All that there has been to tell of it; of its end once for every session."""
    if view.status is None:
        return []
    found = []
    for event, said in events(view.status):
        which = f"{view.id} {event}" if event in _TURNS else f"{view.id} {event} {view.status.session}"
        word = states.badges(view)[0].label if event == "stopped" else _SAID[event][0]  # by its user, or interrupted
        found.append(Notice(which, event, f"{word}: {name}", said))
    return found


def of_queue(found: Listed) -> list[Notice]:
    """What is over, and the whole of it: one thing for as long as nothing is left, whatever the list forgets."""
    over = found.of(*OVER)
    told = [_over(row) for row in over]
    if over and not found.left:
        said = f"{counted(len(over), 'run is', 'runs are')} over."
        told.append(Notice("queue empty", "done", "The queue is empty", said))
    return told


def _over(row: QueueRow) -> Notice:
    event: Event = {"done": "done", "failed": "failed"}.get(row.state, "stopped")  # type: ignore[assignment]
    name = row.view.name if row.view is not None else row.queued.request.name
    return Notice(f"{row.queued.id} {event}", event, f"{_SAID[event][0]}: {name}", row.reason)


def toast(place: str, found: Sequence[Notice]) -> None:
    """A toast for each turn for the worse that came since the last look; what was before the first one is known."""
    turns = {one.id: one for one in found if one.event in _TURNS}
    known: set[str] | None = st.session_state.get(f"told-{place}")
    st.session_state[f"told-{place}"] = set(turns)
    for one in turns.values():
        if known is not None and one.id not in known:
            st.toast(f"{plain(one.title)}. {plain(one.body)}", icon=f":material/{_SAID[one.event][1]}:")


def desktop(place: str, found: Sequence[Notice], tells: str, *, offered: bool) -> None:
    """The button that asks for notices of the desktop, and those notices. offered: whether anything can still come."""
    data = {
        "place": place,
        "events": [{"id": one.id, "title": one.title, "body": one.body} for one in found],
        "offer": offered,
        "tells": tells,
    }
    _desktop(data=data, key=f"notices-{place}", width="content")
