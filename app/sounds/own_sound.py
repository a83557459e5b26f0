"""The panel that makes a sound of one's own again from grains of the collection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.look import style
from app.sounds.model import Model
from engine.errors import SweetspotError

MAKING_S = 600.0
LARGEST_MB = 300  # ten minutes of stereo with 24 bits are 173 at 48 kHz


def offer(model: Model, wish: Mapping[str, Any]) -> None:
    """Draw the panel. wish: how sounds are to be, as the page asks for them; of that, what grains can follow counts."""
    with st.expander("A sound of yours", icon=":material/mic:", key="own-sound"):
        style.quiet(
            "A voice, a beat, anything up to ten minutes: it is made again from grains of this collection, as long "
            "as it is, louder and softer where it is, at this collection's level. Pitch is not followed."
        )
        given = st.file_uploader(
            "Your sound", key=f"own-file-{model.id}", label_visibility="collapsed", max_upload_size=LARGEST_MB
        )
        says = "Seed, best quality and mono, under Advanced, count here too."
        pressed = st.button(
            "Make it in these colours", icon=":material/graphic_eq:", width="stretch", key="make-own",
            disabled=given is None, help="Drop a sound first." if given is None else says,
        )  # fmt: skip
        if pressed and given is not None:
            _make(model, wish, given.name, given.getbuffer())


def _make(model: Model, wish: Mapping[str, Any], name: str, data: memoryview) -> None:
    asked = {"seed": wish["seed"], "quality": wish["quality"], "stereo": False if wish["stereo"] is False else None}
    try:
        with st.spinner("Looking for grains."), model.made.taken_in(name, data) as file:
            model.ask("resynthesise", timeout_s=MAKING_S, file=str(file), **asked)
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
        return
    st.session_state["made"] = True
    st.rerun()  # the list shows it
