"""One run: live while it learns, quiet afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import streamlit as st

from app.charts import plots, small_plots
from app.look import picture, states, style, words
from app.look.fragments import fragment
from app.look.plain import plain
from app.panels import (
    actions,
    chart_menu,
    details,
    families,
    notices,
    open_run,
    preview_times,
    previews,
    run_notes,
    summary,
)
from app.panels.families import Family
from app.panels.refusals import view_or_refusal
from app.runs.launch import Launch, launcher
from app.runs.library import Library, open_library
from app.runs.store import metrics_of
from engine.claims.figures import gaps
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView, ShownState

LIVE_S, DETAILS_S = 1.0, 4.0
CLICKED, MOVING = "clicked", "moving"
TELLS = "its end, and when its sweet range lies behind or it memorises"
Signature = tuple[bool, bool, int, object]


def page() -> None:
    style.head()
    library = open_library()
    run_id = st.query_params.get("run")
    if run_id is not None and st.session_state.get("deleted") == run_id:
        del st.session_state["deleted"]
        st.switch_page("views/runs.py")
    reader = library.find(run_id)
    if reader is None:
        launch = launcher().find(run_id, library.runs_dir) if run_id else None
        if launch:
            _starting(launch)
        else:
            _missing()
        return
    open_run.tell_what_is_missing()
    view = view_or_refusal(library, reader)
    if view is not None:
        _show(library, reader, view)


def _show(library: Library, reader: RunReader, view: RunView) -> None:
    preview_sets = library.previews(reader)
    live = _may_move(view)
    drawn = _signature(view, preview_sets)
    _tell_the_end(view, launcher().name_of(view, reader.root))
    actions.dialog(reader, view)
    family = families.family_of(library, reader, view)
    # A fragment costs as much for being run as for what it draws, so one draws all that moves every second. The style
    # sheet puts its parts and the listening panel, which must not be drawn again, into one grid.
    with st.container(key="run"):
        fragment(_moving, key=MOVING, run_every=LIVE_S if live else None)(library, reader, drawn, family)
        with st.container(key="aside"):
            _listen(reader, view, preview_sets)
        with st.container(key="details"):
            fragment(_details, run_every=DETAILS_S if live else None)(library, reader)


def _tell_the_end(view: RunView, name: str) -> None:
    """Once, to who watched it learn."""
    if view.state.live:
        st.session_state["watched"] = view.id
    elif st.session_state.get("watched") == view.id and not _may_move(view):
        del st.session_state["watched"]
        badge = states.badges(view)[0]
        st.toast(f"{badge.label}: {plain(name)}", icon=f":material/{badge.icon}:")


def _may_move(view: RunView) -> bool:
    """Whether anything can still change: also a run whose process was just started again, or whose host is silent."""
    return (
        actions.starting_again(view) or view.state.live or (view.state is ShownState.UNKNOWN and view.session_may_live)
    )


def _signature(view: RunView, preview_sets: list[PreviewSet]) -> Signature:
    """What the whole page is drawn anew for; everything else its fragments do."""
    return _may_move(view), states.getting_ready(view), len(preview_sets), previews.nearest_best(view, preview_sets)


def _moving(library: Library, reader: RunReader, drawn: Signature, family: Family | None) -> None:
    launcher().reap()
    view = library.view(reader)
    preview_sets = library.previews(reader)
    st.set_page_config(page_title=states.tab_title(view, launcher().name_of(view, reader.root)))
    with st.container(key="top"):
        _top(reader, view, preview_sets, family)
    with st.container(key="main"):
        heard = sorted({one.step for one in preview_sets})
        settings = chart_menu.show(reader, view, heard)
        plots.main(
            reader, view, heard, settings, lambda step: _hear(reader, preview_sets, step), chosen=_chosen(reader)[0],
        )  # fmt: skip
        if missing := gaps(metrics_of(reader.root).damaged):
            style.quiet(missing)
    with st.container(key="curves"):
        small_plots.small(reader, view, settings)
    if _signature(view, preview_sets) != drawn:  # last: a death is seen before the rest is drawn anew
        st.rerun()
    notices.toast(reader.id, notices.of_run(view, launcher().name_of(view, reader.root)))


def _top(reader: RunReader, view: RunView, preview_sets: list[PreviewSet], family: Family | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="title"):
        with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
            style.name(launcher().name_of(view, reader.root))
            summary.badges(view, again=actions.starting_again(view))
        with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="buttons"):
            told = notices.of_run(view, launcher().name_of(view, reader.root))
            notices.desktop(reader.id, told, TELLS, offered=_may_move(view))
            actions.buttons(reader, view)
    if view.status is not None:
        style.line(summary.where(view))
    run_notes.shown(view)
    families.shown(family)
    summary.strip(view, sorted({one.step for one in preview_sets}), f"strip-{reader.id}")
    summary.show(summary.cards(view))
    actions.complaint()
    if actions.starting_again(view):
        style.note("gray", "hourglass_top", "Starting…", "The trainer takes a few seconds to begin where it stood.")
    else:
        summary.note(view, reader)


def _details(library: Library, reader: RunReader) -> None:
    details.tabs(reader, library.view(reader))


def _listen(reader: RunReader, view: RunView, preview_sets: list[PreviewSet]) -> None:
    nouns = words.nouns_of(view)
    with st.container(horizontal=True, vertical_alignment="center", key="listen-head"):
        style.title(nouns.panel)
        if any("wav" in one.files for one in preview_sets):
            st.page_link(
                "views/listen.py", label="Compare by ear", icon=":material/headphones:",
                query_params={"run": reader.id}, help="Any two epochs against each other, also without seeing which.",
            )  # fmt: skip
    with st.container(height=424, gap="xsmall", key="listen"):
        if not preview_sets:
            style.quiet(f"The first {nouns.one} comes before the first step." if view.state.live else "There is none.")
            return
        captions = previews.captions(reader.root, view, preview_sets)
        with st.container(key="clicked"):
            fragment(_clicked, key=CLICKED)(reader, view, preview_sets, captions)
        nouns_of = nouns.held_out, nouns.made
        previews.listen(reader.root, preview_sets, captions, nouns_of, picture.preview_s(view.run))


def _hear(reader: RunReader, preview_sets: list[PreviewSet], step: int) -> None:
    """A mark of the curve was clicked: what was made there plays, and the listening panel is not drawn anew."""
    if any(one.step == step and "wav" in one.files and one.role == "sample" for one in preview_sets):
        st.session_state[f"{CLICKED}-{reader.id}"] = step, _chosen(reader)[1] + 1
        st.rerun([MOVING, CLICKED])


def _chosen(reader: RunReader) -> tuple[int | None, int]:
    """The update whose mark was clicked last, and how many clicks there were."""
    chosen: tuple[int | None, int] = st.session_state.get(f"{CLICKED}-{reader.id}", (None, 0))
    return chosen


def _clicked(
    reader: RunReader,
    view: RunView,
    preview_sets: list[PreviewSet],
    captions: Mapping[tuple[int, int], previews.Caption],
) -> None:
    step, times = _chosen(reader)
    one = next((one for one in preview_sets if one.step == step and one.role == "sample" and "wav" in one.files), None)
    if one is None:
        return
    caption = captions.get((one.epoch, one.step), previews.Caption(*previews.moment_parts(one)))
    style.quiet("Chosen in the curve")
    span = preview_times.axis_s(reader.root, preview_sets)
    part = picture.part_of(picture.preview_s(view.run), span)
    caption = replace(caption, cut=preview_times.cut(reader.root, one, span))
    says = f"new sound, {caption.spoken}, chosen in the curve"
    previews.row(reader.root, one, caption, says, part, brief=True, hearing=times)


def _starting(launch: Launch) -> None:
    """A process was started and has not opened its run directory yet: a moment, unless it cannot."""
    style.name(launch.name)
    if launch.running:
        style.note("gray", "hourglass_top", "Getting ready:", "starting the trainer. This takes a few seconds.")
        fragment(_wait, run_every=0.5)(launch)
        return
    style.note("red", "error", "It could not begin.", f"The trainer ended with code {launch.exit_code}. It said:")
    details.show_log(launch.root, 40)
    st.page_link("views/new.py", label="Change the settings and try again", icon=":material/arrow_back:")


def _wait(launch: Launch) -> None:
    if RunReader(launch.root).exists or not launch.running:
        st.rerun()


def _missing() -> None:
    style.name("No such run")
    style.note(
        "gray", "search_off", "There is no run of this name here.", "It may lie in another directory, or be gone."
    )
    st.page_link("views/runs.py", label="All runs", icon=":material/list:")


page()
