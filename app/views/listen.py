"""Listen: the sounds of one run by ear, any two of them against each other, all at one epoch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from app.charts import plots
from app.charts.settings import ChartSettings
from app.look import link, style, words
from app.panels import epoch_remarks, listening_bench, moments, previews
from app.panels.listening_bench import Heard
from app.panels.moments import Moments
from app.panels.previews import Mark
from app.runs import recordings
from app.runs.launch import launcher
from app.runs.library import Library, library
from engine.errors import RunDirectoryError
from engine.printable import escaped
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

LOOK_S = 4.0
CHART_PX = 190


@dataclass(frozen=True)
class Recording:
    """The nearest recording, as sound to hear."""

    name: str
    sound: bytes


def page() -> None:
    style.head()
    shelf = library()
    reader = shelf.find(st.query_params.get("run"))
    if reader is None:
        style.name("Listen")
        style.note("gray", "headphones", "Choose a run first.", "Its page has “Compare by ear” beside what it made.")
        st.page_link("views/runs.py", label="All runs", icon=":material/list:")
        return
    try:
        view = shelf.view(reader)
    except RunDirectoryError as error:
        style.name(reader.id)
        style.note("red", "error", "This run cannot be opened.", str(error))
        return
    _show(shelf, reader, view)


def _show(shelf: Library, reader: RunReader, view: RunView) -> None:
    count = len(shelf.previews(reader))
    name = launcher().name_of(view, reader.root)
    with st.container(horizontal=True, vertical_alignment="center", key="listen-title"):
        style.name(name)
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.page_link(
                "views/run.py", label="Back to the run", icon=":material/arrow_back:", query_params={"run": reader.id}
            )
    st.fragment(_bench)(shelf, reader)
    if view.state.live:
        st.fragment(_watch, run_every=LOOK_S)(shelf, reader, count)


def _watch(shelf: Library, reader: RunReader, drawn: int) -> None:
    if len(shelf.previews(reader)) != drawn:
        st.rerun()


def _bench(shelf: Library, reader: RunReader) -> None:
    view, found = shelf.view(reader), shelf.previews(reader)
    there = Moments(found, previews.marks(reader.root, view, found))
    if not there.steps:
        _nothing(view)
        return
    style.title(words.nouns(view.run).main, "click a triangle to hear that epoch")
    plots.main(reader, view, there.steps, ChartSettings(), lambda step: _go(reader, there, step), CHART_PX)
    step = _slider(f"heard-{reader.id}", there)
    recording = _recording(reader, view)
    first, second = _sides(reader, there, step, recording)
    if not listening_bench.show(first, second, st.session_state.get(f"plays-{reader.id}", 0), reader.id):
        style.note("gray", "music_off", "One of the two cannot be played.", "It is no sound, or gone: choose another.")
    left, right = st.columns([5, 3], gap="large")
    with left:
        _players(reader, there, step, recording)
    with right:
        epoch_remarks.show(reader, view, there, step, lambda step: _go(reader, there, step))


def _nothing(view: RunView) -> None:
    if view.run is not None and not view.run.can.make_sounds:
        style.note("gray", "music_off", "This run makes no sounds.", "There is nothing here to listen to.")
    elif view.state.live:
        style.note("gray", "hourglass_top", "Nothing to hear yet.", "The first sound comes before the first step.")
    else:
        style.note("gray", "music_off", "It made nothing to hear.", "It ended before its first sound.")


def _kept(key: str, options: list[str], usual: str) -> str:
    """The key of a widget that stands at what ``key`` keeps, also when its options have become more: one with other
    options is another widget, and would begin anew."""
    if st.session_state.get(key) not in options:
        st.session_state[key] = usual
    widget = f"{key}-{len(options)}"
    st.session_state[widget] = st.session_state[key]
    return widget


def _keep(key: str, widget: str) -> None:
    st.session_state[key] = st.session_state[widget]


def _go(reader: RunReader, there: Moments, step: int) -> None:
    """To a moment, and hear it."""
    st.session_state[f"heard-{reader.id}"] = str(there.nearest_step(step))
    st.session_state[f"plays-{reader.id}"] = st.session_state.get(f"plays-{reader.id}", 0) + 1
    side = f"side-a-{reader.id}"
    if st.session_state.get(side) not in ("new", "copy"):
        st.session_state[side] = "new"  # what follows the slider: else the click would be heard nowhere


def _slider(key: str, there: Moments) -> int:
    """Where it stands: to begin with where the address says, or at the sweet spot."""
    options = [str(step) for step in there.steps]
    usual = str(there.steps[-1] if there.sweet is None else there.sweet)
    widget = _kept(key, options, link.asked("step", options, usual))
    if len(options) > 1:
        st.select_slider(
            "Epoch", options, key=widget, format_func=lambda one: _stop(there, int(one)),
            on_change=_keep, args=(key, widget),
            help="Moves every player of this page, and each side of the bench that stands “at the slider”.",
        )  # fmt: skip
    link.keep("step", st.session_state[key], usual)
    return int(st.session_state[key])


def _stop(there: Moments, step: int) -> str:
    mark = there.mark(step)
    said = [there.where(step), mark.detail if step else "", mark.sweet]
    return " · ".join(one for one in said if one)


def _recording(reader: RunReader, view: RunView) -> Recording | None:
    """The nearest one, where it can be heard."""
    name = recordings.nearest(view)
    path = recordings.place_of(view, reader.dataset(), name) if name else None
    sound = recordings.heard(path) if path else None
    return Recording(escaped(str(name)), sound) if sound is not None else None


def _sides(reader: RunReader, there: Moments, step: int, recording: Recording | None) -> tuple[Heard, Heard]:
    """The two that are chosen."""
    options = there.choices(recording is not None)
    usual = options[0], "original" if there.original else options[-1]
    chosen = []
    with st.container(key="sides"):
        for place, letter, first in zip(st.columns(2), "AB", usual, strict=True):
            key = f"side-{letter.lower()}-{reader.id}"
            widget = _kept(key, options, first)
            place.selectbox(
                letter, options, key=widget, format_func=there.name, on_change=_keep, args=(key, widget),
                help="What is heard as A: what moves with the slider, or stays as it is." if letter == "A" else None,
            )  # fmt: skip
            chosen.append(st.session_state[key])
    kinds = [one.partition("@")[0] for one in chosen]
    span = previews.span_s(reader.root, there.found)
    made = [_heard(reader.root, there, one, step, recording, span, kinds[0] == kinds[1]) for one in chosen]
    return made[0], made[1]


def _heard(
    root: Path, there: Moments, choice: str, step: int, recording: Recording | None, span: float, alike: bool
) -> Heard:
    if choice == "recording" and recording is not None:
        said = f"the recording {recording.name}"
        return Heard("recording", "Nearest recording", recording.name, said, recording.sound, None, 0.0)
    sound = there.sound(choice, step)
    assert sound is not None, "only what there is can be chosen"
    kind, one = sound
    where = "" if kind == "original" else there.where(one.step)
    mark = Mark("") if kind == "original" else there.mark(one.step)
    detail = ", ".join(text for text in (mark.detail, mark.sweet) if text)
    picture = root / one.files["png"] if "png" in one.files else None
    return Heard(
        kind if kind == "original" else f"{kind}@{one.step}", moments.title(kind, where), detail,
        moments.phrase(kind, where, alike), root / one.files["wav"], picture, span,
    )  # fmt: skip


def _players(reader: RunReader, there: Moments, step: int, recording: Recording | None) -> None:
    """Everything of one moment, each with a player of its own."""
    where, mark = there.where(step), there.mark(step)
    style.title(f"Everything of {where}" if step else "Before learning", mark.sweet)
    span = previews.span_s(reader.root, there.found)
    with st.container(key="players", gap="small"):
        if span:
            previews.time_axis(span)
        if there.original is not None:
            previews.row(reader.root, there.original, Mark("Original"), "the original", brief=True)
        for one in there.copies(step):
            previews.row(reader.root, one, Mark("Copy", where), f"copy of the original, {where}", brief=True)
        for one in there.samples(step):
            previews.row(reader.root, one, Mark("New", where), f"new sound, {where}", brief=True)
        if recording is not None:
            previews.sound_row(Mark("Nearest", recording.name), recording.sound, f"nearest recording, {recording.name}")


page()
