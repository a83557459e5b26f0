"""All runs of the library: those that learn now as cards, earlier ones as a table, the one trained last first."""

from __future__ import annotations

import sys

import streamlit as st

from app.look import states, style, words
from app.look.fragments import fragment
from app.panels import actions, chosen_runs, families, open_run, runs_filter, runs_table, summary
from app.panels.runs_table import Row
from app.runs.compared import called
from app.runs.launch import Launch, launcher
from app.runs.library import Library, open_library, unknown_arguments
from engine.claims.figures import figure
from engine.claims.quality import quality_of
from engine.errors import StorageError
from engine.quantities import about, counted
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

LIVE_S, QUIET_S = 1.0, 5.0
Drawn = frozenset[tuple[str, bool, str]]


def page() -> None:
    # A link to a run may leave out the page. Later the same address is where Back leads from a run: Streamlit writes
    # what the next page needs into the address of this one first.
    if "run" in st.query_params and not st.session_state.get("entered"):
        st.switch_page("views/run.py", query_params={"run": st.query_params["run"]})
    style.head()
    st.title("Runs", anchor=False)
    library = open_library()
    for strange in unknown_arguments(sys.argv[1:])[:1]:
        style.note("yellow", "info", f"{strange} is no option of the app.", "It knows --runs-dir DIR.")
    if trouble := library.trouble():
        style.note("red", "error", "There is no folder of runs.", trouble)
    runs, refused = library.views()
    for sentence in refused:
        style.note("yellow", "info", "One run is left out.", sentence)
    actions.complaint()
    live = any(view.state.live for _, view in runs) or bool(launcher().pending(library.runs_dir))
    if not runs and not live:
        _empty(library)
        open_run.offer(library)
        return
    fragment(_live, run_every=LIVE_S if live else QUIET_S)(library, _drawn(runs))
    names = called(runs)
    earlier = [Row(reader, view, names[reader.id]) for reader, view in runs if not view.state.live]
    if earlier:
        _earlier(library, earlier)
    open_run.offer(library)


def _drawn(runs: list[tuple[RunReader, RunView]]) -> Drawn:
    """What the table is drawn anew for: a run more, one that began or ended, other notes on one."""
    return frozenset((reader.id, view.state.live, view.notes.model_dump_json()) for reader, view in runs)


def _live(library: Library, drawn: Drawn) -> None:
    launcher().reap()
    runs, _ = library.views()
    for launch in launcher().pending(library.runs_dir):
        _pending(launch)
    names = called(runs)
    for reader, view in runs:
        if view.state.live:
            _card(library, reader, view, names[reader.id])
    if _drawn(runs) != drawn:  # last, so that a press of "Open" is heard first
        st.rerun()


def _card(library: Library, reader: RunReader, view: RunView, name: str) -> None:
    with st.container(border=True, key=f"card-{reader.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                style.name(name, small=True)
                summary.badges(view)
                _verdict(view)
            with st.container(horizontal=True, horizontal_alignment="right"):
                if st.button("Open", key=f"open-{reader.id}"):
                    _open(reader.id)
        steps = sorted({one.step for one in library.previews(reader)})
        summary.strip(view, steps, f"strip-{reader.id}")
        style.line(_line(view))


def _verdict(view: RunView) -> None:
    if view.status is None or view.run is None or states.getting_ready(view):
        return
    judged = quality_of(view)
    if judged is None:
        return
    icon = {"green": "check_circle", "yellow": "hearing", "red": "hearing", "gray": "info"}[judged.colour]
    st.badge(judged.label, icon=f":material/{icon}:", color=judged.colour)  # type: ignore[arg-type]


def _line(view: RunView) -> str:
    status, run = view.status, view.run
    if status is None or states.getting_ready(view):
        return words.phase(status, words.nouns_of(view)).capitalize() if status else "Starting"
    parts = [words.epoch(status, timed=summary.minutes(view) is not None)]
    if status.eta_s is not None:
        parts.append(f"about *{about(status.eta_s).removeprefix('about ')}* left")
    elif view.state.live:
        parts.append("estimating the time left")
    if status.best and run:
        parts.append(f"best *{figure(status.best.raw, run.monitor.unit)}* at epoch {status.best.epoch}")
    return " · ".join(parts)


def _pending(launch: Launch) -> None:
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="center"):
        style.name(launch.name, small=True)
        badge = states.READY if launch.running else states.Badge("Could not begin", "error", "red")
        st.badge(badge.label, icon=f":material/{badge.icon}:", color=badge.colour)  # type: ignore[arg-type]
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Open", key=f"open-{launch.root.name}"):
                _open(launch.root.name)


def _open(run_id: str) -> None:
    st.switch_page("views/run.py", query_params={"run": run_id})


def _earlier(library: Library, rows: list[Row]) -> None:
    """Those that have ended. Whatever is pressed in the table is done after all of it is drawn."""
    with st.container(horizontal=True, vertical_alignment="center", key="above-earlier"):
        st.header("Earlier", anchor=False, width="content")
        beside = st.container(horizontal=True, vertical_alignment="center", key="beside-earlier")
    wanted, columns = runs_filter.show(rows)
    placed = families.in_families(wanted)
    wanted = [row for row, _ in placed]
    picked = runs_table.show(library, wanted, columns, [depth for _, depth in placed]) if wanted else []
    if not wanted:
        _none_found(rows)
    else:
        with beside:
            chosen_runs.buttons(picked)
        if opened := runs_table.pressed(wanted):
            _open(opened.reader.id)
    chosen_runs.dialog(library, rows)


def _none_found(rows: list[Row]) -> None:
    away = sum(row.view.notes.archived for row in rows)
    if away == len(rows):
        style.note("gray", "archive", "All earlier runs are in the archive.", "Press Archived to see them.")
        return
    left_out = counted(len(rows) - away, "run")
    style.note("gray", "search_off", "No run fits.", f"The words and states above leave out {left_out}.")
    st.button("Show all", icon=":material/list:", key="show-all", on_click=runs_filter.clear)


def _empty(library: Library) -> None:
    _, middle, _ = st.columns([1, 2, 1])
    with style.empty(
        "Nothing here yet.",
        "Hear a model learn from twenty-four small sounds: strings, bars, bells and drums. "
        "The first sound comes after about a minute.",
        middle,
    ):
        if st.button("Start the demo", type="primary", icon=":material/play_arrow:", key="demo"):
            _start_demo(library)
        st.page_link(
            "views/new.py", label="or learn from sounds of your own", icon=":material/folder_open:",
            query_params={"from": "own"},
        )  # fmt: skip


def _start_demo(library: Library) -> None:
    try:
        launch = launcher().start(library.runs_dir, "demo", "demo", {})
    except StorageError as error:
        style.note("red", "error", "The trainer could not be started.", str(error))
        return
    _open(launch.root.name)


page()
