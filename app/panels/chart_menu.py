"""The heading of a run's curves, with a menu: how all of them are drawn, and what of them one can save."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

import streamlit as st

from app.charts import plots, small_plots
from app.charts.settings import ChartSettings
from app.charts.x_axis import Window
from app.look import download, style, words
from app.panels import chart_controls
from app.runs.rows_csv import all_rows
from engine.printable import escaped
from engine.rundir.reader import RunReader
from engine.rundir.view import RunView

_MIMES = {"png": "image/png", "svg": "image/svg+xml", "csv": "text/csv"}


def show(reader: RunReader, view: RunView, preview_steps: Sequence[int]) -> ChartSettings:
    """The heading; what the menu says. It is drawn only while it is open: the page moves every second."""
    before = chart_controls.chosen()
    with st.container(horizontal=True, vertical_alignment="center", key="chart-head"):
        style.title(words.nouns_of(view).main)
        menu = st.popover(
            "Curves", icon=":material/tune:", type="tertiary", width="content", key="chart-menu", on_change="rerun",
            help="Axes, smoothing, and saving them",
        )  # fmt: skip
    if not menu.open:
        return before
    with menu:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            settings = chart_controls.choose("curves")
        if preview_steps and view.run is not None and view.run.can.make_sounds:
            panel = words.nouns_of(view).panel
            style.quiet(
                f"A click on a triangle plays its epoch. With keys: each has its player under “{panel}”, and “Compare "
                "by ear” a slider through all of them."
            )
        _save(reader, view, preview_steps, settings)
    if settings != before:
        st.rerun()  # the curves among the details follow as well
    return settings


def _save(reader: RunReader, view: RunView, preview_steps: Sequence[int], settings: ChartSettings) -> None:
    charts = _charts(reader, view, preview_steps, settings)
    if not charts:
        return
    name = st.selectbox("Save", list(charts), key="chart-saved", format_func=escaped)
    file = name.lower().replace(" ", "-").replace("/", "-")
    with st.container(horizontal=True):
        for kind in ("png", "svg"):
            _button(kind.upper(), partial(_picture, charts[name], kind), f"{reader.id}-{file}.{kind}", f"save-{kind}")
        metrics = reader.layout.metrics
        _button("CSV of all updates", partial(all_rows, metrics, "step"), f"{reader.id}-steps.csv", "csv-steps")
        _button("CSV of all epochs", partial(all_rows, metrics, "epoch"), f"{reader.id}-epochs.csv", "csv-epochs")


def _charts(
    reader: RunReader, view: RunView, preview_steps: Sequence[int], settings: ChartSettings
) -> dict[str, plots.Drawing]:
    """All of the page by their headings, as they are drawn now."""

    def seen(group: str) -> Window | None:
        return plots.window(plots.zoom_key(group, reader.id, settings))

    main = plots.main_drawing(reader.root, view, preview_steps, settings, seen("main"))
    drawn = [*([main] if main else []), *small_plots.small_drawings(reader.root, view, seen, settings).values()]
    return {one.title: one for one in drawn if one.rows.num_rows}


def _picture(drawn: plots.Drawing, kind: Literal["png", "svg"]) -> bytes:
    from app.charts.pictures import picture  # a renderer of fifty megabytes, for who asks for a picture

    title = f"{drawn.title}, {drawn.quiet}" if drawn.quiet else drawn.title
    return picture(drawn.rows, drawn.spec, title, kind)


def _button(label: str, make: download.Maker, file: str, key: str) -> None:
    mime = _MIMES[file.rpartition(".")[2]]
    download.button(label, make, file, mime, key=key, icon=":material/download:")
