"""A run that is not begun now: put into the queue, alone or once with each preset and seed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.look import style
from app.panels.source import Chosen
from app.runs.launch import launcher
from app.runs.library import Library
from app.runs.queueing import SEEDS, SWEPT, add, writable
from engine.errors import SweetspotError
from engine.quantities import duration, small
from engine.queue.files import Queue

_ADDED = "added-to-queue"


def offer(library: Library, chosen: Chosen | None, name: str, settings: Mapping[str, Any], *, ready: bool) -> None:
    """The two buttons beside "Start learning". settings: those that the run would begin with."""
    queue = Queue(library.runs_dir)
    ready = ready and chosen is not None and writable(queue)
    with st.container(horizontal=True, key="later"):
        one = st.button(
            "Add to the queue", icon=":material/bedtime:", key="queue-add", disabled=not ready,
            help="It waits for its turn, with these settings: trained one after the other, while you sleep.",
        )  # fmt: skip
        count = len(SWEPT) * SEEDS
        several = (chosen is None or chosen.of_sounds) and "from" not in settings and st.button(
            f"Try {small(len(SWEPT))} presets, {small(SEEDS)} seeds", icon=":material/experiment:",
            key="sweep", disabled=not ready,
            help=f"{small(count).capitalize()} runs with these settings, each guard with each of "
            f"{small(SEEDS)} seeds, one after the other{_in_all(settings, count)}. They begin now. Compare then "
            "shows which guard suits these sounds, and whether the difference is more than what a seed changes.",
        )  # fmt: skip
    if chosen is not None and one:
        _put(queue, chosen, name, settings)
    elif chosen is not None and several:
        _sweep(queue, chosen, name, settings)
    if added := st.session_state.pop(_ADDED, None):
        style.note("green", "bedtime", f"{added} waits in the queue.", "Add more, or start the queue.")
        st.page_link("views/queue.py", label="Open the queue", icon=":material/arrow_forward:")


def _in_all(settings: Mapping[str, Any], count: int) -> str:
    """How long all of them take, where each has a limit."""
    minutes = settings.get("max_minutes")
    return f": about {duration(60.0 * minutes * count)}" if minutes else ""


def _put(queue: Queue, chosen: Chosen, name: str, settings: Mapping[str, Any]) -> None:
    try:
        add(queue, chosen.source, name, settings)
    except SweetspotError as error:
        _refused(error)
    else:
        st.session_state[_ADDED] = name


def _sweep(queue: Queue, chosen: Chosen, name: str, settings: Mapping[str, Any]) -> None:
    try:
        add(queue, chosen.source, name, settings, sweep=True)
        launcher().work(queue, 1)
    except SweetspotError as error:
        _refused(error)
    else:
        st.switch_page("views/queue.py")


def _refused(error: SweetspotError) -> None:
    style.note("red", "error", error.cause, error.remedy)
