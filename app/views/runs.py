"""All runs of the library: those that learn now as cards, earlier ones as a table, the one trained last first."""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.look import states, style, words
from app.panels import summary
from app.runs.compared import FEWEST, MOST, called, kind
from app.runs.launch import Launch, launcher
from app.runs.library import Library, library, unknown_arguments
from app.runs.store import metrics_of
from engine.claims.figures import DECIMALS
from engine.claims.quality import quality_of
from engine.errors import StorageError
from engine.rundir.reader import RunReader
from engine.rundir.schema import RunRecord
from engine.rundir.view import RunView

LIVE_S, QUIET_S = 1.0, 5.0
SPARK_POINTS = 60
PRESSED = "open-earlier"


def page() -> None:
    if "run" in st.query_params:  # a link to a run may leave out the page
        st.switch_page("views/run.py", query_params={"run": st.query_params["run"]})
    style.head()
    st.title("Runs", anchor=False)
    shelf = library()
    for strange in unknown_arguments(sys.argv[1:])[:1]:
        style.note("yellow", "info", f"{strange} is no option of the app.", "It knows --runs-dir DIR.")
    if trouble := shelf.trouble():
        style.note("red", "error", "There is no folder of runs.", trouble)
    found, refused = shelf.views()
    for sentence in refused:
        style.note("yellow", "info", "One run is left out.", sentence)
    live = any(view.state.live for _, view in found) or bool(launcher().pending(shelf.runs_dir))
    if not found and not live:
        _empty(shelf)
        return
    st.fragment(_live, run_every=LIVE_S if live else QUIET_S)(shelf, _drawn(found))
    earlier = [(reader, view) for reader, view in found if not view.state.live]
    if earlier:
        _earlier(earlier, called(found))


def _drawn(found: list[tuple[RunReader, RunView]]) -> frozenset[tuple[str, bool]]:
    """What the table is drawn anew for: a run more, or one that began or ended."""
    return frozenset((reader.id, view.state.live) for reader, view in found)


def _live(shelf: Library, drawn: frozenset[tuple[str, bool]]) -> None:
    launcher().reap()
    found, _ = shelf.views()
    for launch in launcher().pending(shelf.runs_dir):
        _pending(launch)
    names = called(found)
    for reader, view in found:
        if view.state.live:
            _card(shelf, reader, view, names[reader.id])
    if _drawn(found) != drawn:  # last, so that a press of "Open" is heard first
        st.rerun()


def _card(shelf: Library, reader: RunReader, view: RunView, name: str) -> None:
    with st.container(border=True, key=f"card-{reader.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(horizontal=True, vertical_alignment="center", width="content", gap="small"):
                style.name(name, small=True)
                summary.badges(view)
                _verdict(view)
            with st.container(horizontal=True, horizontal_alignment="right"):
                if st.button("Open", key=f"open-{reader.id}"):
                    _open(reader.id)
        steps = sorted({one.step for one in shelf.previews(reader)})
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
        return words.phase(status, run).capitalize() if status else "Starting"
    parts = [f"Epoch *{status.epoch}*" + (f" of {words.number(status.total_epochs)}" if status.total_epochs else "")]
    if status.eta_s is not None:
        parts.append(f"about *{words.long_duration(status.eta_s)}* left")
    elif view.state.live:
        parts.append("estimating the time left")
    if status.best and run:
        parts.append(f"best *{words.figure(status.best.raw, run.monitor.unit)}* at epoch {status.best.epoch}")
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


def _earlier(earlier: list[tuple[RunReader, RunView]], names: Mapping[str, str]) -> None:
    with st.container(horizontal=True, vertical_alignment="center", key="above-earlier"):
        st.header("Earlier", anchor=False, width="content")
        beside = st.container(horizontal=True)  # at the left: the table's own tools lie over what is at the right
    labels = states.ALL_LABELS
    runs = [view.run for _, view in earlier if view.run]
    unit, items = _shared(_unit(run) for run in runs), _shared(run.monitor.nouns.items for run in runs)
    errors = all(run.monitor.better == "lower" for run in runs)
    table = pd.DataFrame([_row(reader, view, names[reader.id], mixed=unit is None) for reader, view in earlier])
    decimals = f"%.{DECIMALS[unit]}f" if unit in DECIMALS else "%g"
    shown: Any = st.dataframe(
        table,
        on_select="rerun",  # rows are chosen by their boxes, to be compared; that opens none
        selection_mode="multi-row",
        hide_index=True,
        row_height=40,
        height="content" if len(table) <= 15 else 640,
        placeholder="–",
        key=f"earlier-{zlib.crc32(','.join(reader.id for reader, _ in earlier).encode())}",  # a row is one run
        column_config={
            # A press, not a selection: an arrow key selects as well.
            "Open": st.column_config.ButtonColumn("", key=PRESSED, width=70),
            "Run": st.column_config.TextColumn(width="medium"),
            "State": st.column_config.MultiselectColumn(options=list(labels), color=list(labels.values())),
            "Best": st.column_config.NumberColumn(
                f"Best, {unit}" if unit in DECIMALS else None, format=decimals, alignment="left"
            ),
            "Error": st.column_config.LineChartColumn("Error" if errors else "Error or score", color="gray"),
            "Items": st.column_config.NumberColumn(items.capitalize() if items else "Items", alignment="left"),
        },
    )
    with beside:
        _compare([earlier[row] for row in shown["selection"]["rows"] if row < len(earlier)])
    pressed: Any = st.session_state.get(PRESSED)
    if pressed is not None:
        _open(earlier[pressed["row"]][0].id)


def _compare(picked: Sequence[tuple[RunReader, RunView]]) -> None:
    """The way to Compare, or what is missing for it. Beside the heading, so that the table stays where it is."""
    kinds = {kind(view.run) for _, view in picked if view.run}
    if len(picked) < FEWEST:
        style.quiet("Choose one more to compare." if picked else "")
    elif len(picked) > MOST:
        style.quiet(f"{words.small(MOST).capitalize()} are the most that can be compared.")
    elif len(kinds) != 1:
        style.quiet("These learn different things: choose runs of one kind to compare.")
    else:
        st.page_link(
            "views/compare.py", label=f"Compare {words.small(len(picked))}", icon=":material/compare_arrows:",
            query_params={"runs": ",".join(reader.id for reader, _ in picked)}, width="content",
        )  # fmt: skip


def _unit(run: RunRecord) -> str:
    """What the figure under "Best" counts: "dB", "%", or the score's own name."""
    unit = "%" if run.monitor.unit == "fraction" else run.monitor.unit
    return unit or words.nouns(run).measure or words.metric_label(run)


def _best(raw: float, run: RunRecord) -> float:
    """A figure to be sorted by, as exact as :func:`engine.claims.figures.figure` writes it."""
    if run.monitor.unit in DECIMALS:
        return round(raw, DECIMALS[run.monitor.unit])
    return float(f"{raw * (100 if _unit(run) == '%' else 1):.3g}")


def _shared(words: Iterable[str]) -> str | None:
    """The one word that all of ``words`` are; None where they differ, or there is none."""
    found = set(words)
    return found.pop() if len(found) == 1 else None


def _row(reader: RunReader, view: RunView, name: str, mixed: bool) -> dict[str, Any]:
    """One line of the table. mixed: figures of different kinds stand beside their units."""
    status, run = view.status, view.run
    best = status.best if status else None
    items = run.num_train_files + run.num_val_files if run else None
    finished = f"{status.epoch} of {status.total_epochs}" if status and status.total_epochs else None
    spot = words.sweet_spot(status, run)
    return {
        "Open": "Open",
        "Run": name,
        "State": [badge.label for badge in states.badges(view)],
        "Best": _best(best.raw, run) if best and run else None,
        **({"In": _unit(run) if best and run else None} if mixed else {}),
        "Sweet spot": f"epoch {spot.epoch}" if spot else None,
        "Error": _spark(reader, view),
        "Epochs": finished,
        "Items": items,
        "Started": words.moment(view.begun_at, time.time()) if view.begun_at else None,
    }


def _spark(reader: RunReader, view: RunView) -> list[float] | None:
    """The monitored error by epoch, for a small line."""
    if view.run is None:
        return None
    store = metrics_of(reader.root)
    store.refresh()
    values = store.epochs.get(view.run.monitor.metric)
    values = values[np.isfinite(values)]
    stride = max(1, len(values) // SPARK_POINTS)
    return [round(float(value), 3) for value in values[::stride]] if len(values) > 1 else None


def _empty(shelf: Library) -> None:
    _, middle, _ = st.columns([1, 2, 1])
    with middle.container(border=True, horizontal_alignment="center", key="empty"):
        st.html(
            '<div class="ss-empty"><div class="ss-card-name">Nothing here yet.</div>'
            "<p>Hear a model learn from twenty-four small sounds: strings, bars, bells and drums. "
            "The first sound comes after about a minute.</p></div>"
        )
        if st.button("Start the demo", type="primary", icon=":material/play_arrow:", key="demo"):
            _start_demo(shelf)
        st.page_link(
            "views/new.py", label="or learn from a folder of your own", icon=":material/folder_open:",
            query_params={"from": "folder"},
        )  # fmt: skip


def _start_demo(shelf: Library) -> None:
    try:
        launch = launcher().start(shelf.runs_dir, "demo", "demo", {})
    except StorageError as error:
        style.note("red", "error", "The trainer could not be started.", str(error))
        return
    _open(launch.root.name)


page()
