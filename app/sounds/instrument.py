"""The panel that puts sounds on keys: one zip for the samplers that musicians play."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import streamlit as st

from app.look import style
from app.sounds.files import MOST_ZIPPED
from app.sounds.model import Model
from engine.errors import SweetspotError, next_step
from engine.quantities import counted, size

MOST_KEYS, USUAL_KEYS = 64, 16
MAKING_S = 600.0
NEW, STARRED = "New sounds", "With a star"
_WISHED = ("seed", "duration_s", "temperature", "quality", "stereo")


def offer(model: Model, wish: Mapping[str, Any]) -> None:
    """Draw the panel. wish: how sounds are to be, as the page asks for them."""
    with st.expander("Instrument", icon=":material/piano:", key="instrument"):
        style.quiet("Sounds on keys, for SFZ, DecentSampler, Bitwig, Studio One and SoundFont players: one ZIP.")
        style.quiet(f"Seed, length and quality as above: {wish['quality']} now. “Best quality” is under Advanced.")
        starred = [str(one.path) for one in model.made.sounds() if one.starred]
        source = st.segmented_control(
            "Which sounds", [NEW, STARRED], default=NEW, key=f"kit-source-{model.id}", required=True,
            label_visibility="collapsed",
            format_func=lambda name: f"{name}: {len(starred)}" if name == STARRED else name,
        )  # fmt: skip
        if source == STARRED and not starred:
            style.quiet("None has a star yet. Give one to what you want on a key.")
            return
        asked = _asked(source, starred)
        count = asked.get("sounds", len(starred))
        label = f"Instrument with {counted(count, 'key')}"
        if st.button(label, icon=":material/piano:", width="stretch", key="make-kit"):
            _make(model, {**asked, **{name: wish[name] for name in _WISHED}})
        _made(model)


def _asked(source: str, starred: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"source": "starred", "starred": starred[:MOST_KEYS]}
    if source == NEW:
        found = {"source": "new", "sounds": int(st.number_input("Keys", 1, MOST_KEYS, USUAL_KEYS, key="kit-keys"))}
    turns = st.number_input(
        "Variations of each", 1, 8, 1, key="kit-turns", help="They take turns when a key is played again."
    )
    spread = st.toggle(
        "Pitched sounds over the whole keyboard", key="kit-chromatic",
        help="Each sound with a clear pitch becomes an instrument of its own, in tune.",
    )  # fmt: skip
    return {**found, "round_robins": int(turns), "keys": "chromatic" if spread else "kit"}


def _make(model: Model, asked: dict[str, Any]) -> None:
    """The zip goes into the session: it is downloaded at once or made again, bit for bit."""
    st.session_state.pop("kit", None)
    try:
        with st.spinner("Making the instrument."), tempfile.TemporaryDirectory(prefix="sweetspot-") as place:
            answer = model.client.ask("instrument", timeout_s=MAKING_S, checkpoint=model.checkpoint, out=place, **asked)
            path = Path(answer["path"])
            if path.stat().st_size > MOST_ZIPPED:
                large = size(path.stat().st_size)
                raise SweetspotError(f"{large} is much for a download.", "Ask for fewer keys or variations.")
            st.session_state["kit"] = (model.id, path.name, path.read_bytes(), answer)
    except SweetspotError as error:
        style.note("red", "error", error.cause, error.remedy)
    except OSError as error:
        style.note("red", "error", f"The instrument cannot be kept: {error.strerror or error}.", f"{next_step(error)}.")


def _made(model: Model) -> None:
    kit = st.session_state.get("kit")
    if kit is None or kit[0] != model.id:
        return
    _, name, data, answer = kit
    st.download_button(
        "Download the instrument", data, name, "application/zip", icon=":material/download:", key="download-kit",
        type="primary", width="stretch", on_click="ignore", help=size(len(data)),
    )  # fmt: skip
    for one in answer["instruments"]:
        sounds = one["sounds"]
        low, high = sounds[0]["names"].split(" to ")[0], sounds[-1]["names"].split(" to ")[-1]
        style.quiet(f"{one['name']}: {counted(len(sounds), 'sound')}, {low} to {high}")
    for remark in answer["remarks"]:
        style.quiet(remark)
