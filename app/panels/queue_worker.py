"""Who trains what waits: the worker of the queue, to start and to stop."""

from __future__ import annotations

import streamlit as st

from app.look import style
from app.runs.launch import launcher
from app.runs.queueing import writable
from engine.errors import SweetspotError
from engine.quantities import counted, plural
from engine.queue.files import Queue
from engine.queue.listing import Listed
from engine.queue.standing import Standing
from engine.rundir.reading import last_lines, own_file

MOST_SLOTS = 8
_SLOTS = "queue-slots"
_TAIL = 40


def card(queue: Queue, found: Listed) -> None:
    """What it does, and the one button that changes that."""
    with st.container(border=True, key="worker"):
        with st.container(horizontal=True, vertical_alignment="center", key="worker-row"):
            with st.container():
                style.announced(_says(queue, found))
            if writable(queue):
                with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="bottom"):
                    _button(queue, found)
        if not writable(queue):
            style.quiet("Only to look at: you may not write to this folder.")
        _log(queue)


def _says(queue: Queue, found: Listed) -> str:
    if found.stopping:
        return "*Stopping.* Each training under way ends with a checkpoint."
    if found.worker:
        return f"*Working.* {counted(found.left, 'run')} left. It goes on also when this app or this page is closed."
    if launcher().begins_to_work(queue):
        return "*One moment.* The worker is starting, or leaving."
    short, figures = found.unworked()
    if not figures:
        return f"*{short}* Add a run under New run."
    if not found.to_begin:
        return f"*{short}* {figures} What is under way goes on, whatever becomes of this page."
    interrupted = len(found.of(Standing.INTERRUPTED))
    again = f" {counted(interrupted, 'run')} of them {plural(interrupted, 'goes', 'go')} on where it stood."
    remedy = " Press “Start the queue”: it also goes on when this page is closed." if writable(queue) else ""
    return f"*{short}* {figures}{again if interrupted else ''}{remedy}"


def _button(queue: Queue, found: Listed) -> None:
    if found.worker or launcher().begins_to_work(queue):
        st.button(
            "Stop the queue", icon=":material/stop_circle:", key="queue-stop", on_click=_do, args=(queue, "stop"),
            disabled=found.stopping or not found.worker,
            help="Each training under way ends with a checkpoint. The next start goes on with it, bit for bit.",
        )  # fmt: skip
        return
    st.number_input(
        "At once", 1, MOST_SLOTS, 1, key=_SLOTS, width=130,
        help="So many trainings beside one another, which share the cores. One after the other each is fastest.",
    )  # fmt: skip
    st.button(
        "Start the queue", icon=":material/play_arrow:", type="primary", key="queue-start", on_click=_do,
        args=(queue, "start"), disabled=not found.to_begin,
    )  # fmt: skip


def _do(queue: Queue, what: str) -> None:
    """Runs before the page is drawn again."""
    try:
        if what == "stop":
            queue.stop()
        else:
            launcher().work(queue, int(st.session_state.get(_SLOTS, 1)))
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)


def _log(queue: Queue) -> None:
    """What the workers said: which run began, which ended and why."""
    if not own_file(queue.log):
        return
    folded = st.expander("What the worker said", on_change="rerun", key="worker-said")
    if folded.open:
        with folded:
            lines = last_lines(queue.log)[-_TAIL:]
            st.code("\n".join(lines) or "Nothing yet.", language=None, wrap_lines=True)
