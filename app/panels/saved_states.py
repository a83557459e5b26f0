"""The moments of a run whose weights were kept."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from app.runs.intact import intact
from engine.claims.headline import saved_best_name
from engine.quantities import number
from engine.rundir.reader import RunReader


def choose(states: dict[str, str], key: str, says: str, width: int | Literal["stretch"] = "stretch") -> str:
    """The state that is chosen of :func:`states_of`: the first of them, as a run learns on, until somebody chooses."""
    if st.session_state.get(key) not in states:
        st.session_state.pop(f"{key}-chosen", None)
    if not chosen(key):
        st.session_state[key] = next(iter(states))
    return str(st.selectbox(
        "Epoch", list(states), format_func=lambda name: states.get(name, name), key=key, width=width, help=says,
        on_change=mark, args=(key,),
    ))  # fmt: skip


def chosen(key: str) -> bool:
    """Whether the state with that key was chosen by somebody."""
    return bool(st.session_state.get(f"{key}-chosen"))


def mark(key: str) -> None:
    """Note that the state with that key was chosen by somebody."""
    st.session_state[f"{key}-chosen"] = True


def states_of(reader: RunReader) -> dict[str, str]:
    """What sounds can be made with, by its name in a request: best and last, then all snapshots, the newest first.
    What is damaged is not offered."""
    status, states = reader.status(), reader.saved_states(intact)
    best = next((saved_best_name(status, one.step) for one in states if one.name == "best"), "")
    labels = {"best": f"{best.capitalize()}, epoch", "last": "Last save, epoch"}
    epochs = [one.epoch for one in states if one.name not in labels]
    found = {}
    for one in states:
        twin = one.name not in labels and epochs.count(one.epoch) > 1
        found[one.name] = f"{labels.get(one.name, 'Epoch')} {one.epoch}" + (
            f", step {number(one.step)}" if twin else ""
        )
    return found


def damaged(reader: RunReader) -> str:
    """What was saved and is not offered, and what to do; empty when all is whole."""
    names = [one.path.name for one in (*reader.checkpoints(), *reader.snapshots()) if not intact(one)]
    if not names:
        return ""
    instead = "Choose another epoch, or copy" if reader.saved_states(intact) else "Copy"
    return f"Damaged, and not offered: {', '.join(names)}. {instead} the run once more from where it lies whole."
