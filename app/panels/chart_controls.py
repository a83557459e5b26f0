"""How the curves of a page are drawn, as one chooses it; every choice lives in the address."""

from __future__ import annotations

import streamlit as st

from app.charts.settings import AXES, SMOOTHINGS, USUAL, ChartSettings
from app.look import link

_AXIS_NAMES = {"epoch": "Epoch", "step": "Update", "time": "Time"}
_SMOOTHING_NAMES = {USUAL: "usual", "1": "off"}


def chosen() -> ChartSettings:
    """What the address says."""
    return ChartSettings(
        link.asked("x", list(AXES), "epoch"), link.asked("log", ("0", "1"), "0") == "1",
        link.asked("smooth", SMOOTHINGS, USUAL),
    )  # fmt: skip


def choose(key: str) -> ChartSettings:
    """The controls, three in whatever holds them. key: what those of one page have in common."""
    now = chosen()
    axis = st.segmented_control(
        "Over", list(AXES), default=now.axis, format_func=_AXIS_NAMES.__getitem__, required=True, key=f"{key}-x"
    )
    smoothing = st.selectbox(
        "Smoothing", SMOOTHINGS, SMOOTHINGS.index(now.smoothing), key=f"{key}-smooth", width=130,
        format_func=lambda one: _SMOOTHING_NAMES.get(one, one),
        help="The mean over so many values; what the values themselves reach stands pale behind it. "
        "Usual: 17 updates, and every epoch as it is.",
    )  # fmt: skip
    log = st.toggle("Logarithmic", now.log, key=f"{key}-log", help="Curves that go below zero stay as they are.")
    link.keep("x", axis or "epoch", "epoch")
    link.keep("smooth", smoothing, USUAL)
    link.keep("log", f"{log:d}", "0")
    return chosen()
