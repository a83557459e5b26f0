"""The moments of a run whose weights were kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import streamlit as st

from app.runs.intact import intact
from engine.claims.headline import saved_best_name
from engine.quantities import number
from engine.rundir.artefacts import SavedState, saved_states
from engine.rundir.reader import RunReader
from engine.rundir.status import Status


def choose(states: dict[str, str], key: str, says: str, width: int | Literal["stretch"] = "stretch") -> str:
    """The state that is chosen of these: the first of them, as a run learns on, until somebody chooses."""
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


class Saved(NamedTuple):
    """states: what sounds can be made with, by its name in a request: best and last, then all snapshots, the newest
    first. damaged: what was saved and is not offered, and what to do; "" when all is whole."""

    states: dict[str, str]
    damaged: str


def look(reader: RunReader) -> Saved:
    """What a run has saved, by one look at its files: a page that follows a run looks again and again."""
    checkpoints, snapshots = reader.checkpoints(), reader.snapshots()
    states = saved_states(list(filter(intact, checkpoints)), list(filter(intact, snapshots)))
    lost = [one.path.name for one in (*checkpoints, *snapshots) if not intact(one)]
    return Saved(_labels(states, reader.status()), _damaged(lost, bool(states)))


def _labels(states: Sequence[SavedState], status: Status | None) -> dict[str, str]:
    """What each is called. Of those of one moment the second and third say so, a snapshot also that its weights are
    rounded, to half precision: it makes nearly the same sounds."""
    best = next((saved_best_name(status, one.step) for one in states if one.name == "best"), "")
    names = {"best": best, "last": "last save"}
    epochs = [one.epoch for one in states if one.name not in names]
    found: dict[str, str] = {}
    firsts: dict[int, str] = {}
    for one in states:
        name = names.get(one.name)
        label = f"{name.capitalize()}, epoch {one.epoch}" if name else f"Epoch {one.epoch}"
        if name is None and epochs.count(one.epoch) > 1:
            label += f", step {number(one.step)}"
        if one.step in firsts:
            label += f" (same as {firsts[one.step]}{'' if name else ', rounded'})"
        elif name:
            firsts[one.step] = name
        found[one.name] = label
    return found


def _damaged(names: Sequence[str], others: bool) -> str:
    """others: whether anything can be used instead."""
    if not names:
        return ""
    instead = "Choose another epoch, or copy" if others else "Copy"
    return f"Damaged, and not offered: {', '.join(names)}. {instead} the run once more from where it lies whole."
