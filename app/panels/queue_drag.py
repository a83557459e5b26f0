"""Requests that wait are dragged to another place: a component that is not seen, over the cards of the page."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components import v2

from engine.errors import SweetspotError
from engine.queue.files import Queue
from engine.queue.listing import listed
from engine.queue.standing import Standing

_drag = v2.component("sweetspot_queue_drag", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))
KEY = "queue-drag"


def listen(queue: Queue) -> None:
    """On this page: a card that was dropped onto another one takes its place."""
    _drag(key=KEY, on_moved_change=lambda: _move(queue))


def _move(queue: Queue) -> None:
    """Runs before the page is drawn again."""
    told: Any = st.session_state[KEY].get("moved")
    try:
        waiting = [row.queued.id for row in listed(queue).of(Standing.WAITING)]
        places = {f"st-key-{card_key(name)}": place for place, name in enumerate(waiting)}
        held, onto = (places.get(str(told.get(which))) for which in ("card", "onto")) if told else (None, None)
        if held is not None and onto is not None:
            queue.move(waiting[held], onto - held)
    except SweetspotError as error:
        st.session_state["complaint"] = str(error)


def card_key(name: str) -> str:
    """The key of a request's card, of letters that Streamlit keeps in the class it makes of it: no two have one."""
    return "queued-" + re.sub(r"[^a-zA-Z0-9-]", lambda found: f"_{ord(found[0]):x}_", name)
