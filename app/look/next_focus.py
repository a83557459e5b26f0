"""The focus goes on from a control that its own press takes away: without that, who works by keys begins at the top."""

from __future__ import annotations

import re
from pathlib import Path

import streamlit as st
from streamlit.components import v2

_WANTED = "focus-wanted"  # in the session: (how many were wanted so far, the key of the last)
_go = v2.component("sweetspot_next_focus", js=Path(__file__).with_suffix(".js").read_text(encoding="utf-8"))


def want(key: str) -> None:
    """The button of that key has the focus next. For callbacks, which run before the page is drawn again."""
    st.session_state[_WANTED] = st.session_state.get(_WANTED, (0, ""))[0] + 1, key


def give(*pressed: str) -> None:
    """Draw what sees to it, unseen. pressed: what the keys of the controls begin with that may be taken away; to
    who has gone on to another one meanwhile nothing is given."""
    number, key = st.session_state.get(_WANTED, (0, ""))
    data = {"number": number, "wanted": _class(key), "pressed": [_class(prefix) for prefix in pressed]}
    with st.container(key="next-focus"):
        _go(data=data, key="focus-goes-on")


def _class(key: str) -> str:
    """What Streamlit calls the element of that key in the style sheet."""
    return f"st-key-{re.sub('[^a-zA-Z0-9_-]', '-', key)}"
