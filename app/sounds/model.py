"""The model that Sounds and Explore work with: which run, which of its saved states, and its head on the page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from app.look import style
from app.look.fragments import fragment
from app.look.plain import plain
from app.panels import saved_states, summary
from app.runs.launch import launcher
from app.runs.library import Library, open_library
from app.sounds.client import Client, client_of
from app.sounds.made_sounds import MadeSounds, made_sounds_at, place_of, place_of_model
from engine.errors import RunDirectoryError, SweetspotError
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

LOOK_S = 4.0


@dataclass(frozen=True)
class Model:
    """What makes sounds, and the state of it that was chosen. facts: what hello says of that state.

    reader: of the run; None for an exported model, which has one state.
    """

    id: str
    name: str
    reader: RunReader | None
    client: Client
    made: MadeSounds
    checkpoint: str | None
    facts: dict[str, Any]

    def ask(self, op: str, **values: Any) -> dict[str, Any]:
        """A request for sounds or pictures, which go to the made sounds. Raises SweetspotError."""
        place = str(self.made.place)
        answer = self.client.ask(op, checkpoint=self.checkpoint, out=place, picture=True, **values)
        self.made.arrived([Path(sound["path"]) for sound in answer.get("sounds", ())])
        return answer

    def known(self, op: str) -> dict[str, Any]:
        """What does not change while the state stays the same. Raises SweetspotError."""
        return self.client.known(op, self.checkpoint)


def makes_sounds(view: RunView) -> bool:
    """Whether new sounds can be made with what the run learns, as it says itself."""
    return view.run is not None and view.run.can.make_sounds


def open_model() -> Model | None:
    """Draw the head of a page about a model, let its state be chosen; None after saying why there is none."""
    found = _find(open_library())
    if found is None:
        return None
    if isinstance(found, Path):
        return _exported(found)
    reader, view = found
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            style.name(launcher().name_of(view, reader.root))
            summary.badges(view)
            if view.state.live:
                fragment(_watch, run_every=LOOK_S)(reader, _drawn(view))
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="buttons"):
            about = {"run": reader.id}
            st.page_link("views/run.py", label="How it learnt", icon=":material/show_chart:", query_params=about)
    client = client_of(reader.root)
    return _chosen(reader, view, client)


def _drawn(view: RunView) -> tuple[bool, bool]:
    """What of a run that learns decides on this page: whether it still does, and whether it saved anything."""
    return view.state.live, view.status is not None and view.status.last_checkpoint is not None


def _watch(reader: RunReader, drawn: tuple[bool, bool]) -> None:
    if _drawn(open_library().view(reader)) != drawn:
        st.rerun()


def _exported(path: Path) -> Model | None:
    """A model that was passed on as one file."""
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        style.name(path.stem)
        st.badge("Exported model", icon=":material/inventory_2:", color="gray")
    client = client_of(path)
    try:
        with _waking(client):
            facts = client.known("hello", None)["model"]
    except SweetspotError as error:
        style.note("yellow", "music_off", error.cause, error.remedy)
        return None
    place = made_sounds_at(str(place_of_model(facts["weights"])))
    return Model(path.name, path.stem, None, client, place, None, facts)


def others(model: Model) -> None:
    """Links to the exported models that lie among the runs, and how one gets there."""
    with st.expander("Exported models", key="exported"):
        runs = open_library()
        for path in runs.models():
            if path.name != model.id:
                st.page_link(
                    "views/sounds.py", label=f"Open {plain(path.stem)}", icon=":material/inventory_2:",
                    query_params={"run": path.name},
                )  # fmt: skip
        style.quiet(f"A file of “sweetspot export” can be used here once it lies in {runs.runs_dir}.")


def _chosen(reader: RunReader, view: RunView, client: Client) -> Model | None:
    if view.run is not None and not makes_sounds(view):
        style.note(
            "gray", "music_off", "This run makes no sounds.", "It learnt something else: its own page shows what."
        )
        return None
    place = made_sounds_at(str(place_of(reader, view)))
    states, damaged = saved_states.look(reader)
    if not states:
        style.note("yellow", "hourglass_top", *_too_early(view, damaged))
        return None
    checkpoint = _remembered(reader, states)
    try:
        with _waking(client):
            facts = client.known("hello", checkpoint or None)["model"]
    except SweetspotError as error:
        style.note("yellow", "music_off", error.cause, error.remedy)
        if len(states) > 1:
            _choose(reader)  # one state that cannot be used may have neighbours that can
        return None
    return Model(reader.id, view.name, reader, client, place, checkpoint, facts)


def _waking(client: Client) -> Any:
    return st.spinner("Waking the model: this takes some seconds, once." if client.pid is None else "One moment.")


def _too_early(view: RunView, damaged: str) -> tuple[str, str]:
    if view.state.live:
        return "Nothing is saved yet.", "The first save comes within minutes; “Save now” on the run's page makes one."
    if damaged:
        return "Nothing that was saved is whole.", damaged
    return "Nothing was saved before this run ended.", "Resume it or train again, then sounds can be made."


def _remembered(reader: RunReader, states: dict[str, str]) -> str:
    """The state that was chosen, on this page or before on another; "" while there is none.

    It is handed to the widget each time: the one of another page has the same key and another identity.
    """
    key, kept = f"state-{reader.id}", f"epoch-{reader.id}"
    wish = st.session_state.get(key, st.session_state.get(kept))
    if wish not in states or not saved_states.chosen(key):
        wish = next(iter(states), None)
    if wish is None:
        return ""
    st.session_state[key] = st.session_state[kept] = wish
    return str(wish)


def choose_state(model: Model) -> None:
    """Let the saved state be chosen: the sweet spot, the last one, or any epoch that was kept."""
    if model.reader is None:
        style.quiet("An exported model has the one state that was exported.")
    else:
        _choose(model.reader)


def _choose(reader: RunReader) -> None:
    says = "Every snapshot that was kept can be used: the one your ear chose, too."
    states, missing = saved_states.look(reader)
    saved_states.choose(states, f"state-{reader.id}", says)
    if missing:
        style.quiet(missing)


def _find(runs: Library) -> tuple[RunReader, RunView] | Path | None:
    """The run or the exported model in the address; without one, the newest run that can make sounds."""
    run_id = st.query_params.get("run")
    if run_id is None:
        return _newest(runs)
    reader = runs.find(run_id)
    if reader is None:
        exported = next((path for path in runs.models() if path.name == run_id), None)
        if exported is not None:
            return exported
        _nothing("No such run", "There is no run of this name here.", "It may lie in another directory, or be gone.")
        return None
    try:
        return reader, runs.view(reader)
    except RunDirectoryError as error:
        _nothing(reader.id, "This run cannot be opened.", str(error))
        return None


def _newest(runs: Library) -> tuple[RunReader, RunView] | Path | None:
    found, _ = runs.views()
    for reader, view in found:
        if makes_sounds(view) and saved_states.look(reader).states:
            st.query_params["run"] = reader.id
            return reader, view
    for path in runs.models():
        st.query_params["run"] = path.name
        return path
    _, middle, _ = st.columns([1, 2, 1])
    with style.empty(
        "No model yet.",
        "Sounds are made by a model that has learnt some. Train one first: it takes minutes.",
        middle,
    ):
        st.page_link("views/new.py", label="Train on your recordings", icon=":material/add:")
    return None


def _nothing(name: str, strong: str, text: str) -> None:
    style.name(name)
    style.note("gray", "search_off", strong, text)
    st.page_link("views/runs.py", label="All runs", icon=":material/list:")
