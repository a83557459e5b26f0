"""A run's main chart: the error on new and own items, with what happened to the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import streamlit as st

from app.charts import specs
from app.charts.main_curve import Measured, Sight, main_rows
from app.charts.marks import Mark, turns
from app.charts.marks import picked as picked_steps
from app.charts.parts import ZOOM, Spec
from app.charts.settings import AXES, COUNTED, ChartSettings
from app.charts.x_axis import Window, XAxis
from app.look import words
from app.runs.store import MetricsStore, metrics_of
from engine.claims.figures import figure
from engine.claims.headline import sweet_spot
from engine.claims.sweet import SweetSpot
from engine.printable import escaped
from engine.quantities import counted
from engine.rundir.protocol import PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.rundir.view import RunView

MAIN_HEIGHT = 368
USUALLY = ChartSettings()
Picked = Callable[[int], None]


@dataclass(frozen=True)
class Drawing:
    """One chart: its heading with a quiet half, its rows, its specification, and what it says to who cannot see it."""

    title: str
    quiet: str
    rows: pa.Table
    spec: Spec
    alt: str


@lru_cache(maxsize=16)
def _main_spec(y_title: str, axis: str, log: bool, height: int) -> Spec:
    return specs.main_chart(AXES[axis], y_title, height, log, whole=axis in COUNTED)


def window(key: str) -> Window | None:
    """The part of the x axis that is in sight, when it was zoomed."""
    state: Any = st.session_state.get(key)
    try:
        low, high = state["selection"][ZOOM]["x"]
        return float(low), float(high)
    except (KeyError, TypeError, ValueError):
        return None


def zoom_key(name: str, run_id: str, settings: ChartSettings) -> str:
    """What a zoom belongs to: along another axis a chart begins unzoomed."""
    return f"zoom-{name}-{settings.axis}-{run_id}"


def draw(drawn: Drawing, key: str, picked: Picked | None = None) -> None:
    """A chart that tells the server its zoom and, where somebody wants it, which mark was clicked; nothing else that
    happens in the browser."""
    st.session_state[f"picked-{key}"] = picked_steps(st.session_state.get(key), specs.PICK)
    tells = [ZOOM] if picked is None else [ZOOM, specs.PICK]
    st.vega_lite_chart(
        drawn.rows, drawn.spec, width="stretch", key=key, selection_mode=tells, alt=drawn.alt,
        on_select="rerun" if picked is None else lambda: _tell(key, picked),
    )  # fmt: skip


def _tell(key: str, picked: Picked) -> None:
    """Of what a chart tells, a click on a mark. One that is clicked again leaves the selection, and is meant again."""
    now, before = picked_steps(st.session_state.get(key), specs.PICK), f"picked-{key}"
    clicked = now ^ st.session_state.get(before, frozenset())
    st.session_state[before] = now
    if len(clicked) == 1:
        picked(*clicked)


def main(
    reader: RunReader,
    view: RunView,
    preview_steps: Sequence[int],
    settings: ChartSettings,
    picked: Picked | None = None,
    height: int = MAIN_HEIGHT,
    chosen: int | None = None,
) -> None:
    """Error on new and own items, against the baseline, with the sweet range and what happened to the run.

    picked: called with the update of a mark that was clicked, before the page is drawn again. chosen: the update whose
    sounds are heard on this page.
    """
    if view.run is None:
        _empty("The curve begins with the first epoch.")
        return
    key = zoom_key("main", reader.id, settings)
    drawn = main_drawing(reader.root, view, preview_steps, settings, window(key), height, chosen)
    if drawn is None:
        _empty("The curve begins when the first epoch is over.")
        return
    if picked is not None and preview_steps and view.run.can.make_sounds:
        drawn = replace(drawn, alt=f"{drawn.alt}. What a click on its triangles plays has players on this page")
    draw(drawn, key, picked)


def main_drawing(
    root: Path,
    view: RunView,
    preview_steps: Sequence[int],
    settings: ChartSettings = USUALLY,
    window: Window | None = None,
    height: int = MAIN_HEIGHT,
    chosen: int | None = None,
) -> Drawing | None:
    """The main chart of a run, within the part of the x axis that is in sight; None before its first epoch."""
    run, status = view.run, view.status
    store = metrics_of(root)
    store.refresh()
    if run is None or not store.epochs.count:
        return None
    monitor = run.monitor
    settings = settings.fitting(store.epochs.get(monitor.metric), store.epochs.get(monitor.reference))
    best_range = sweet_spot(status, run)
    evidence = status.evidence if status is not None else None
    files = evidence.files if evidence is not None else 0

    def made() -> pa.Table:
        happened = marks(root, store, run, preview_steps)
        uncertain = words.uncertain(run, evidence)
        measured = Measured(store.epochs, monitor, _names(run), best_range, happened, uncertain, files, chosen)
        return main_rows(measured, Sight(x_axis_of(store, run, settings), settings, window, height))

    seen_from = (settings, window, best_range, monitor.baseline, tuple(preview_steps), height, files, chosen)
    rows = store.cached(("main", *seen_from), made)
    spec = _main_spec(words.unit_line(run), settings.axis, settings.log, height)
    return Drawing(words.nouns(run).main, "", rows, spec, _alt(run, store, best_range))


def marks(root: Path, store: MetricsStore, run: RunRecord, preview_steps: Sequence[int]) -> list[Mark]:
    """What happened to a run until now."""
    reader = RunReader(root)
    happened = [Mark("preview", step, "preview") for step in preview_steps]
    happened += [Mark("checkpoint", step, "checkpoint") for step in sorted(store.saved)]
    begun = (one.resumed_from_step for one in reader.sessions())
    happened += [Mark("resumed", step, f"resumed after update {step:,}") for step in begun if step is not None]
    happened += [Mark("planned", one.step, _planned(one)) for one in turns(reader.plans(), run.total_steps)]
    return [mark for mark in happened if 0 < mark.step <= store.steps.count]


def _planned(plan: PlanRecord) -> str:
    return f"planned anew: {escaped(plan.reason)}, {counted(plan.total_epochs, 'epoch')} in all"


def x_axis_of(store: MetricsStore, run: RunRecord, settings: ChartSettings) -> XAxis:
    """Where a run's rows lie along the axis that was chosen."""
    return store.cached(
        ("axis", settings.axis), lambda: XAxis(store.steps, store.epochs, settings.axis, run.steps_per_epoch)
    )


def _names(run: RunRecord) -> tuple[str, str, str]:
    labels = {spec.name: spec.label for spec in run.metrics}
    new, own = run.monitor.metric, run.monitor.reference
    return labels.get(new, new), labels.get(own, own), f"average {words.nouns(run).item}"


def _alt(run: RunRecord, store: MetricsStore, best_range: SweetSpot | None) -> str:
    last = store.epochs.last(run.monitor.metric)
    sentence = f"{words.nouns(run).main}: after {counted(store.epochs.count, 'epoch')} {figure(last, run.monitor.unit)}"
    return f"{sentence}, {best_range.said}" if best_range else sentence


def _empty(text: str) -> None:
    """Holds the place of a chart that has nothing to show yet, so that nothing jumps when it comes."""
    with st.container(
        height=MAIN_HEIGHT + 30, border=False, vertical_alignment="center", horizontal_alignment="center"
    ):
        st.caption(text, width="content")
