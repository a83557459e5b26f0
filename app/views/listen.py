"""Listen: the sounds of one run by ear, any two of them against each other, all at one epoch."""

from __future__ import annotations

import streamlit as st

from app.charts import plots
from app.charts.settings import ChartSettings
from app.look import link, picture, style, words
from app.look.fragments import fragment
from app.panels import bench_sides, epoch_remarks, listening_bench, preview_times, previews
from app.panels.bench_sides import Recording
from app.panels.listening_bench import Begin
from app.panels.moments import Moments
from app.panels.previews import Caption
from app.panels.refusals import view_or_refusal
from app.runs.launch import launcher
from app.runs.library import Library, open_library
from app.sounds.words import stem
from engine.quantities import sound_length
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

LOOK_S = 4.0
CHART_PX = 190


def page() -> None:
    style.head()
    library = open_library()
    reader = library.find(st.query_params.get("run"))
    if reader is None:
        style.name("Listen")
        style.note("gray", "headphones", "Choose a run first.", "Its page has “Compare by ear” beside what it made.")
        st.page_link("views/runs.py", label="All runs", icon=":material/list:")
        return
    view = view_or_refusal(library, reader)
    if view is not None:
        _show(library, reader, view)


def _show(library: Library, reader: RunReader, view: RunView) -> None:
    count = len(library.previews(reader))
    name = launcher().name_of(view, reader.root)
    with st.container(horizontal=True, vertical_alignment="center", key="listen-title"):
        style.name(name)
        with st.container(horizontal=True, horizontal_alignment="right"):
            st.page_link(
                "views/run.py", label="Back to the run", icon=":material/arrow_back:", query_params={"run": reader.id}
            )
    fragment(_bench)(library, reader)
    if view.state.live:
        fragment(_watch, run_every=LOOK_S)(library, reader, (count, True))


def _watch(library: Library, reader: RunReader, drawn: tuple[int, bool]) -> None:
    """drawn: how many previews there were, and that it learned."""
    if (len(library.previews(reader)), library.view(reader).state.live) != drawn:
        st.rerun()


def _bench(library: Library, reader: RunReader) -> None:
    view, found = library.view(reader), library.previews(reader)
    there = Moments(found, previews.captions(reader.root, view, found))
    if not there.steps:
        _nothing(view)
        return
    style.title(words.nouns_of(view).main, "click a triangle to hear that epoch")
    key = f"heard-{reader.id}"
    widget = _kept(key, there)
    step = int(st.session_state[key])
    plots.main(reader, view, there.steps, ChartSettings(), lambda step: _go(reader, there, step), CHART_PX, chosen=step)
    _slider(key, widget, there)
    recording = bench_sides.recording(reader, view)
    first, second = bench_sides.chosen(reader, view.run, there, step, recording)
    begin = Begin(st.session_state.get(f"plays-{reader.id}", 0), bench_sides.following(reader.id))
    if not listening_bench.show(first, second, begin, reader.id):
        style.note("gray", "music_off", "One of the two cannot be played.", "It is no sound, or gone: choose another.")
    left, right = st.columns([5, 3], gap="large")
    with left:
        _players(reader, view, there, step, recording)
    with right:
        epoch_remarks.show(reader, view, there, step, lambda step: _go(reader, there, step))


def _nothing(view: RunView) -> None:
    if view.run is not None and not view.run.can.make_sounds:
        style.note("gray", "music_off", "This run makes no sounds.", "There is nothing here to listen to.")
    elif view.state.live:
        style.note("gray", "hourglass_top", "Nothing to hear yet.", "The first sound comes before the first step.")
    else:
        style.note("gray", "music_off", "It made nothing to hear.", "It ended before its first sound.")


def _go(reader: RunReader, there: Moments, step: int) -> None:
    """To a moment, and hear it."""
    st.session_state[f"heard-{reader.id}"] = str(there.nearest_step(step))
    st.session_state[f"plays-{reader.id}"] = st.session_state.get(f"plays-{reader.id}", 0) + 1
    bench_sides.follow(reader.id)


def _kept(key: str, there: Moments) -> str:
    """The key of the slider, which stands where ``key`` says: to begin with where the address does, or at the sweet
    spot."""
    options = [str(step) for step in there.steps]
    usual = str(there.steps[-1] if there.sweet is None else there.sweet)
    widget = bench_sides.kept(key, options, link.asked("step", options, usual))
    link.keep("step", st.session_state[key], usual)
    return widget


def _slider(key: str, widget: str, there: Moments) -> None:
    options = [str(step) for step in there.steps]
    if len(options) > 1:
        st.select_slider(
            "Epoch", options, key=widget, format_func=lambda one: _stop(there, int(one)),
            on_change=bench_sides.keep, args=(key, widget),
            help="Moves every player of this page, and each side of the bench that stands “at the slider”.",
        )  # fmt: skip


def _stop(there: Moments, step: int) -> str:
    caption = there.caption(step)
    said = [there.where(step), caption.detail if step else "", caption.sweet]
    return " · ".join(one for one in said if one)


def _players(reader: RunReader, view: RunView, there: Moments, step: int, recording: Recording | None) -> None:
    """Everything of one moment, each with a player of its own."""
    where, caption = there.where(step), there.caption(step)
    style.title(f"Everything of {where}" if step else "Before learning", caption.sweet)
    span = preview_times.span_s(reader.root, there.found)
    part = picture.part_of(picture.preview_s(view.run), span)
    with st.container(key="players", gap="small"):
        if span:
            preview_times.axis(span)
        if there.original is not None:
            previews.row(reader.root, there.original, Caption("Original"), "the original", part, brief=True)
        for one in there.copies(step):
            previews.row(reader.root, one, Caption("Copy", where), f"copy of the original, {where}", part, brief=True)
        for one in there.samples(step):
            previews.row(reader.root, one, Caption("New", where), f"new sound, {where}", part, brief=True)
        if recording is not None:
            level = listening_bench.level_of(recording.sound)
            seconds = sound_length(level.duration_s).replace(" ", "\N{NO-BREAK SPACE}") if level else ""
            long = f", {seconds}" if seconds else ""
            # It is not the one nearest to the sound above it: said in a line of its own, as wide as its name may be.
            style.quiet(f"The recording that any of its new sounds came nearest to: {stem(recording.name)}{long}")
            previews.sound_row(
                Caption("Nearest"),
                recording.sound,
                f"nearest recording, {recording.name}",
            )


page()
