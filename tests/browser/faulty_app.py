"""A page of buttons, each of which breaks something once it was pressed, where the address ends in ``?faults=1``."""

from __future__ import annotations

import threading

import streamlit as st

LOUD = "<script>console.error('planted in the console')</script>"
SECRET = """<script>{ const [hidden, button] = ['div', 'button'].map(name => document.createElement(name));
  button.textContent = 'planted where no listing looks'; document.body.append(hidden);
  hidden.attachShadow({ mode: 'open' }).append(button) }</script>"""
NO_EXTENT = {
    "data": {"values": [{"a": 1}]},
    "mark": "point",
    "encoding": {"x": {"field": "planted", "type": "quantitative"}},
}


def fail() -> None:
    raise RuntimeError("planted in the log")


def raise_here() -> None:
    raise ValueError("planted in the page")


@st.cache_resource(show_spinner=False)
def pressed_so_far(faulty: bool) -> list[str]:
    """Also by who loads the page anew."""
    return []


FAULTS = {
    "Log": lambda: threading.Thread(target=fail).start(),
    "Console": lambda: st.html(LOUD, unsafe_allow_javascript=True),
    "Chart": lambda: st.vega_lite_chart(NO_EXTENT),
    "Picture": lambda: st.html("<img src='data:,planted'>"),
    "Shadow": lambda: st.html(SECRET, unsafe_allow_javascript=True),
    "Page": raise_here,
}
faulty = "faults" in st.query_params
pressed = pressed_so_far(faulty)
st.title("A page", anchor=False)
st.html("<p class='ss-brand'>to press</p>")
if faulty:
    st.button("Dead", disabled=True)
for name in FAULTS:
    if st.button(name):
        pressed.append(name)
st.write(f"Pressed: {len(pressed)}")
for name, fault in FAULTS.items():
    if faulty and name in pressed:
        fault()
