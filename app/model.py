"""The model that Sounds and Explore work with: which run, which of its saved states, and its head on the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import streamlit as st

from app import shelf, style, summary
from app.launch import launcher
from app.library import Library, library
from app.shelf import Shelf, shelf_at
from app.studio import Studio, studio_of
from engine.errors import RunDirectoryError, SweetspotError
from engine.rundir.layout import snapshot_moment
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView


@dataclass(frozen=True)
class Model:
    """A run that makes sounds, and the state of it that was chosen. facts: what hello says of that state."""

    reader: RunReader
    view: RunView
    studio: Studio
    shelf: Shelf
    checkpoint: str
    facts: dict[str, Any]

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """A request for sounds or pictures, which go to the shelf. Raises SweetspotError."""
        return self.studio.ask(op, checkpoint=self.checkpoint, out=str(self.shelf.place), picture=True, **values)

    def known(self, op: str) -> dict[str, Any]:
        """What does not change while the state stays the same. Raises SweetspotError."""
        return self.studio.known(op, self.checkpoint)


def of_sounds(view: RunView) -> bool:
    """Whether the run learns sounds; its unit decides, as everywhere in the app."""
    return view.run is not None and view.run.monitor.unit == "dB"


def has_saved(reader: RunReader) -> bool:
    """Whether there is something to make sounds with."""
    saved = (*reader.checkpoints(), *reader.snapshots())
    return any(one.manifest is not None for one in saved)


def open_model() -> Model | None:
    """Draw the head of a page about a model, let its state be chosen; None after saying why there is none."""
    found = _find(library())
    if found is None:
        return None
    reader, view = found
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            style.name(launcher().name_of(view, reader.root))
            summary.badges(view)
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="buttons"):
            about = {"run": reader.id}
            st.page_link("views/run.py", label="How it learnt", icon=":material/show_chart:", query_params=about)
    studio = studio_of(reader.root)
    return _chosen(reader, view, studio)


def _chosen(reader: RunReader, view: RunView, studio: Studio) -> Model | None:
    place = shelf_at(str(shelf.place_of(reader, view)))
    try:
        if of_sounds(view) and not has_saved(reader):
            raise SweetspotError(*_too_early(view))
        with _waking(studio):
            hello = studio.known("hello", None)
            states = {one["name"]: _state_label(one) for one in hello["checkpoints"]}
            if not states:
                raise SweetspotError(*_too_early(view))
            key = f"state-{reader.id}"
            if st.session_state.get(key) not in states:
                st.session_state.pop(key, None)
            checkpoint = st.session_state.get(key) or next(iter(states))
            facts = studio.known("hello", checkpoint)["model"]
    except SweetspotError as error:
        style.note("gray" if not of_sounds(view) else "yellow", "music_off", error.cause, error.remedy)
        return None
    return Model(reader, view, studio, place, checkpoint, facts)


def _waking(studio: Studio) -> Any:
    return st.spinner("Waking the model: this takes some seconds, once." if studio.pid is None else "One moment.")


def _too_early(view: RunView) -> tuple[str, str]:
    if view.state.live:
        return "Nothing is saved yet.", "The first save comes within minutes; “Save now” on the run's page makes one."
    return "Nothing was saved before this run ended.", "Resume it or train again, then sounds can be made."


def choose_state(model: Model) -> None:
    """Let the saved state be chosen: the sweet spot, the last one, or any epoch that was kept."""
    states = {one["name"]: _state_label(one) for one in model.studio.known("hello", None)["checkpoints"]}
    st.selectbox(
        "Epoch", list(states), format_func=lambda name: states.get(name, name), key=f"state-{model.reader.id}",
        help="Every snapshot that was kept can be used: the one your ear chose, too.",
    )  # fmt: skip


def _state_label(state: dict[str, Any]) -> str:
    name, epoch = str(state["name"]), state["epoch"]
    if name == "best":
        return f"Sweet spot, epoch {epoch}"
    if name == "last":
        return f"Last save, epoch {epoch}"
    moment = snapshot_moment(name)
    return f"Epoch {epoch}" + (f", step {moment[1]:,}" if moment else "")


def _find(runs: Library) -> tuple[RunReader, RunView] | None:
    """The run in the address; without one, the newest that can make sounds."""
    run_id = st.query_params.get("run")
    if run_id is None:
        return _newest(runs)
    reader = runs.find(run_id)
    if reader is None:
        _nothing("No such run", "There is no run of this name here.", "It may lie in another directory, or be gone.")
        return None
    try:
        return reader, runs.view(reader)
    except RunDirectoryError as error:
        _nothing(reader.id, "This run cannot be opened.", str(error))
        return None


def _newest(runs: Library) -> tuple[RunReader, RunView] | None:
    found, _ = runs.views()
    for reader, view in found:
        if of_sounds(view) and has_saved(reader):
            st.query_params["run"] = reader.id
            return reader, view
    _, middle, _ = st.columns([1, 2, 1])
    with middle.container(border=True, horizontal_alignment="center", key="empty"):
        st.html(
            '<div class="ss-empty"><div class="ss-card-name">No model yet.</div>'
            "<p>Sounds are made by a model that has learnt some. Train one first: it takes minutes.</p></div>"
        )
        st.page_link("views/new.py", label="Train on your recordings", icon=":material/add:")
    return None


def _nothing(name: str, strong: str, text: str) -> None:
    style.name(name)
    style.note("gray", "search_off", strong, text)
    st.page_link("views/runs.py", label="All runs", icon=":material/list:")
