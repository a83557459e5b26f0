"""Sounds asked for one by one, with a bar that says how far it is, and where a row of them goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.look import style
from app.sounds.model import Model
from engine.errors import SweetspotError

Asked = tuple[str, Mapping[str, Any]]  # an operation of docs/serve.md, and its keys


def next_number(model: Model, wish: Mapping[str, Any], origin: Mapping[str, Any]) -> int:
    """The number of the first sound of this wish that was not made yet; one that was removed is not made again.

    origin: all of it but its index.
    """
    made = [
        index
        for one in model.made.recipes()
        if isinstance(index := one.origin.get("index", -1), int)
        and all(one.origin.get(name) == value for name, value in origin.items())
        and one.state == model.facts["state"]
        and all(one.request.get(name) == value for name, value in wish.items())
        and one.request.get("bars") == wish.get("bars")
    ]
    return max(made, default=-1) + 1


def make(model: Model, asked: Sequence[Asked], slot: Any) -> None:
    """One by one: each is there as soon as it is made, and another window may ask in between. Draws the page anew."""
    st.session_state["made"] = True
    remarks: dict[str, None] = {}
    try:
        for number, (operation, keys) in enumerate(asked):
            slot.progress(number / len(asked), f"Making sound {number + 1} of {len(asked)}")
            (sound,) = model.ask(operation, **keys)["sounds"]
            remarks |= dict.fromkeys(sound["remarks"])
    except SweetspotError as error:
        slot.empty()
        style.note("red", "error", error.cause, error.remedy)
        return
    slot.empty()
    st.session_state["remarks"] = list(remarks)
    st.rerun()  # what the buttons say next follows from what there is now
