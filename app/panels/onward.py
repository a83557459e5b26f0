"""From an epoch on: what can be done with any whose weights were kept, and what of that is exact."""

from __future__ import annotations

import streamlit as st

from app.look import download, style
from app.panels import saved_states
from app.runs.exporting import exported
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView


def show(reader: RunReader, view: RunView) -> None:
    """A choice of epochs, and the ways on from the chosen one."""
    states, missing = saved_states.look(reader)
    if view.run is None or not states:
        first = "No weights are kept yet. The first are kept with the first previews, before the first update."
        style.quiet(first if view.state.live else missing or "No weights are kept.")
        return
    says = "All whose weights were kept: the best, the last, and a snapshot beside most previews."
    which = saved_states.choose(states, _key(reader, states), says, width=320)
    if missing:
        style.quiet(missing)
    with st.container(horizontal=True, key="onward"):
        _use(reader, view, which)
        _fork(reader, "Begin a new run from it", "fork_right", which, "fork", (
            "The same data, with settings that you change. Opens New run, filled with those of this run."
        ))  # fmt: skip
        if view.run.can.make_sounds:
            _fork(reader, "Go on with more sounds", "library_add", which, "grow", (
                "A folder that has grown, or another. The sounds that this run knows stay on their sides."
            ))  # fmt: skip
    style.quiet(
        "A new run begins with the weights of that epoch and the scale of its data, and what checked then checks now. "
        "It is no exact continuation: optimiser and schedule begin anew. “Resume” and “Train longer” go on with both."
    )


def _key(reader: RunReader, states: dict[str, str]) -> str:
    """Of the choice: another one for a proposal of another kind (first a snapshot, then the last, then the best), until
    somebody has chosen; the same while the best moves, or it would be drawn anew under whoever opens it.

    A value that is put into a widget which is there already may get lost on its way to the browser, where a refresh
    overtakes another: it would go on showing, and taking, the epoch that was proposed before. "best" stays "best".
    """
    proposed = f"onward-{reader.id}-proposed"
    if not saved_states.chosen(f"onward-{reader.id}-{st.session_state.get(proposed)}"):
        st.session_state[proposed] = next(iter(states))
    return f"onward-{reader.id}-{st.session_state[proposed]}"


def _use(reader: RunReader, view: RunView, which: str) -> None:
    assert view.run is not None, "asked above"
    if view.run.can.make_sounds and st.button("Make sounds with it", icon=":material/graphic_eq:", key="use-epoch"):
        key = f"state-{reader.id}"
        st.session_state[key] = which
        saved_states.mark(key)
        st.switch_page("views/sounds.py", query_params={"run": reader.id})
    if view.run.can.export:
        download.button(
            "Export it", lambda: exported(reader.root, which), f"{reader.id}-{which.removesuffix('.safetensors')}.zip",
            "application/zip", icon=":material/download:", key="export-epoch",
            help="One file to keep or to pass on: it makes sounds without this run. Takes some seconds.",
        )  # fmt: skip


def _fork(reader: RunReader, label: str, icon: str, which: str, key: str, says: str) -> None:
    if st.button(label, icon=f":material/{icon}:", key=key, help=says):
        more = {"more": "1"} if key == "grow" else {}
        st.switch_page("views/new.py", query_params={"fork": reader.id, "checkpoint": which, **more})
