"""The panel that makes sounds out of given ones: variations of one, and the way from one to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from app.look import style
from app.sounds.made_sounds import Sound
from app.sounds.making import Asked, next_number
from app.sounds.model import Model
from app.sounds.words import detail, label, stem
from engine.errors import SweetspotError
from engine.printable import escaped
from engine.quantities import plural, small

VARY, MORPH = "Variations of one", "From one to another"


def offer(model: Model, wish: Mapping[str, Any], count: int) -> list[Asked]:
    """Draw the panel: what to ask for when its button was pressed. wish: how sounds are to be, and count: how many, as
    the page asks for them."""
    folded = st.expander("Variations and morphs", icon=":material/alt_route:", on_change="rerun", key="relatives")
    drawn = f"relatives-drawn-{model.id}"  # from then on, or what was chosen is forgotten when the panel is closed
    if folded.open:
        st.session_state[drawn] = True
    if drawn not in st.session_state:
        return []
    with folded:
        try:
            names = _names(model)
        except SweetspotError as error:
            style.note("yellow", "music_off", error.cause, error.remedy)
            return []
        kind = st.segmented_control(
            "What", [VARY, MORPH], default=VARY, key=f"relatives-kind-{model.id}", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
        asked = _variations(model, names, wish, count) if kind == VARY else _morphs(model, names, wish, count)
        what = plural(len(asked), "variation" if kind == VARY else "step")
        pressed = st.button(
            f"Make {small(len(asked))} {what}", icon=":material/graphic_eq:", width="stretch", key="make-relatives"
        )
        style.quiet("How many, length and all under Advanced count here too.")
    return asked if pressed else []


def _names(model: Model) -> dict[str, str]:
    """What can be named as a sound, and what it is called: the collection's, then those made here, the newest first.
    Raises SweetspotError."""
    recordings = {str(point["path"]): stem(point["path"]) for point in model.known("map")["points"]}
    made = [one for one in model.made.sounds() if one.lasting or one.starred]
    return recordings | {str(one.path): _called(one) for one in reversed(made)}


def _called(sound: Sound) -> str:
    star = "★ " if sound.starred else ""
    return f"{star}{label(sound.origin)}, {detail(sound.origin) or f'seed {sound.seed}'}, no. {sound.number}"


def _choose(model: Model, names: Mapping[str, str], title: str, first: int = 0) -> str:
    chosen = st.selectbox(
        title, list(names), min(first, len(names) - 1), key=f"relatives-{title}-{model.id}",
        format_func=lambda name: escaped(names[name]),
    )  # fmt: skip
    return str(chosen)


def _variations(model: Model, names: Mapping[str, str], wish: Mapping[str, Any], count: int) -> list[Asked]:
    file = _choose(model, names, "Sound")
    amount = st.slider(
        "How far from it", 0, 100, 50, 5, format="%d %%", key=f"relatives-amount-{model.id}",
        help="0 is the sound as the model knows it, at 100 nothing of it is left. Up to 30 it stays itself.",
    ) / 100  # fmt: skip
    origin = {"kind": "file", "file": file, "amount": amount}
    first = next_number(model, wish, origin)
    many = count if amount else 1  # all copies are one
    return [("vary", {"file": file, "amount": amount, "first": first + number, **wish}) for number in range(many)]


def _morphs(model: Model, names: Mapping[str, str], wish: Mapping[str, Any], count: int) -> list[Asked]:
    ends = {"first": _choose(model, names, "From"), "second": _choose(model, names, "To", 1)}
    positions = [number / (count - 1) for number in range(count)] if count > 1 else [0.5]
    return [("morph", {**ends, "position": position, **wish}) for position in positions]
