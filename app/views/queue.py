"""The queue: runs that wait for their turn, and the worker that trains them while one sleeps."""

from __future__ import annotations

import streamlit as st

from app.look import kept_focus, style
from app.look.fragments import fragment
from app.panels import actions, notices, queue_drag, queue_worker, queued_runs
from app.runs.launch import launcher
from app.runs.library import open_library
from engine.errors import StorageError
from engine.queue.files import Queue
from engine.queue.listing import listed

LOOK_S = 2.0
TELLS = "each run's end, and that of the queue"


def page() -> None:
    style.head()
    st.title("Queue", anchor=False)
    library = open_library()
    if trouble := library.trouble():
        style.note("red", "error", "There is no folder of runs.", trouble)
        return
    fragment(_moving, run_every=LOOK_S)(Queue(library.runs_dir))
    kept_focus.keep(queued_runs.TURNS)
    queue_drag.listen(Queue(library.runs_dir))


def _moving(queue: Queue) -> None:
    launcher().reap()
    actions.complaint()
    try:
        found = listed(queue)
    except StorageError as error:
        style.note("red", "error", "What waits cannot be read.", str(error))
        return
    if not found.rows and not found.damaged and not found.worker:
        _empty()
        return
    queue_worker.card(queue, found)
    notices.desktop("queue", notices.of_queue(found), TELLS, offered=bool(found.worker))
    queued_runs.show(queue, found)


def _empty() -> None:
    _, middle, _ = st.columns([1, 2, 1])
    with style.empty(
        "Nothing waits.",
        "What is added under New run waits here for its turn, and is trained while you sleep: one run after "
        "the other, each gone on with where it stood if the computer goes down.",
        middle,
    ):
        st.page_link("views/new.py", label="Add a run", icon=":material/add:")


page()
