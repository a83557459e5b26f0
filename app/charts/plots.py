"""A run's curves: the main chart, and small ones that follow from the metrics the run says it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import streamlit as st

from app.charts import specs
from app.charts.curves import Window, dimension_rows, gap_rows, loss_rows, main_rows, small_rows
from app.charts.sweet_range import Sweet, sweet
from app.look import style, words
from app.runs.columns import Columns, Floats
from app.runs.store import MetricsStore, metrics_of
from engine.metrics import OVERFITTING_GAP
from engine.rundir.reader import RunReader
from engine.rundir.schema import MetricSpec, RunRecord
from engine.rundir.view import RunView

MAIN_HEIGHT = 368
A_ROW = 3


@dataclass(frozen=True)
class Drawing:
    """One chart: its heading with a quiet half, its rows, its specification, and what it says to who cannot see it."""

    title: str
    quiet: str
    rows: pa.Table
    spec: specs.Spec
    alt: str


@lru_cache(maxsize=8)
def _main_spec(y_title: str) -> specs.Spec:
    return specs.main_chart("epoch · ▲ a preview", y_title, MAIN_HEIGHT)


def window(key: str) -> Window | None:
    """The part of the x axis that is in sight, when it was zoomed."""
    state: Any = st.session_state.get(key)
    try:
        low, high = state["selection"][specs.ZOOM]["x"]
        return float(low), float(high)
    except (KeyError, TypeError, ValueError):
        return None


def main(reader: RunReader, view: RunView, preview_epochs: Sequence[int]) -> None:
    """Error on new and own items by epoch, against the baseline, with the sweet range."""
    style.title(words.nouns(view.run).main)
    if view.run is None:
        _empty("The curve begins with the first epoch.")
        return
    key = f"zoom-main-{reader.id}"
    drawn = main_drawing(reader.root, view, preview_epochs, window(key))
    if drawn is None:
        _empty("The curve begins when the first epoch is over.")
        return
    st.vega_lite_chart(drawn.rows, drawn.spec, width="stretch", key=key, on_select="rerun", alt=drawn.alt)


def main_drawing(
    root: Path, view: RunView, preview_epochs: Sequence[int], seen: Window | None = None
) -> Drawing | None:
    """The main chart of a run, within the part of the x axis that is in sight; None before its first epoch."""
    run, status = view.run, view.status
    store = metrics_of(root)
    store.refresh()
    if run is None or not store.epochs.count:
        return None
    monitor = run.monitor
    base = words.baseline(status, run)
    spot = sweet(status, run)
    rows = store.cached(
        ("main", seen, spot, base, tuple(preview_epochs)),
        lambda: main_rows(
            store.epochs, monitor.metric, monitor.reference, unit=monitor.unit, baseline=base, sweet=spot,
            better=monitor.better, previews=preview_epochs, names=_names(run),
            standard_error=words.uncertain(run), window=seen, height=MAIN_HEIGHT,
        ),
    )  # fmt: skip
    return Drawing(words.nouns(run).main, "", rows, _main_spec(words.unit_line(run)), _alt(run, store, spot))


def _names(run: RunRecord) -> tuple[str, str, str]:
    labels = {spec.name: spec.label for spec in run.metrics}
    new, own = run.monitor.metric, run.monitor.reference
    return labels.get(new, new), labels.get(own, own), f"average {words.nouns(run).item}"


def _alt(run: RunRecord, store: MetricsStore, spot: Sweet | None) -> str:
    last = store.epochs.last(run.monitor.metric)
    said = f"{words.nouns(run).main}: after {store.epochs.count} epochs {words.figure(last, run.monitor.unit)}"
    return f"{said}, {spot.said}" if spot else said


def _empty(text: str) -> None:
    """Holds the place of a chart that has nothing to show yet, so that nothing jumps when it comes."""
    with st.container(
        height=MAIN_HEIGHT + 30, border=False, vertical_alignment="center", horizontal_alignment="center"
    ):
        st.caption(text, width="content")


def small(reader: RunReader, view: RunView) -> None:
    """Three a row: the overfitting gap, losses with their bands, the regulariser whole and by dimension, the rate."""
    drawn = small_drawings(reader.root, view, lambda group: window(f"zoom-{group}-{reader.id}"))
    if not drawn:
        return
    charts = list(drawn.items())
    for start in range(0, len(charts), A_ROW):
        for column, (group, one) in zip(st.columns(A_ROW, gap="medium"), charts[start : start + A_ROW], strict=False):
            with column:
                style.title(one.title, one.quiet)
                if not one.rows.num_rows:
                    st.caption("After the first epoch.")
                    continue
                key = f"zoom-{group}-{reader.id}"
                st.vega_lite_chart(one.rows, one.spec, width="stretch", key=key, on_select="rerun", alt=one.alt)


def small_drawings(root: Path, view: RunView, seen: Callable[[str], Window | None]) -> dict[str, Drawing]:
    """The small charts that a run has, by the name of their group; one that has nothing to show yet has no rows.

    seen: the part of a group's x axis that is in sight.
    """
    store = metrics_of(root)
    store.refresh()
    if view.run is None or not store.steps.count:
        return {}
    metrics = {group: [one for one in view.run.metrics if one.chart == group] for group in _GROUPS}
    drawn = {group: _GROUPS[group](store, found, seen(group)) for group, found in metrics.items() if found}
    gap = gap_drawing(root, view)
    return drawn if gap is None else {"gap": gap, **drawn}


def more(reader: RunReader, run: RunRecord) -> None:
    """Every other metric the run brings, one small chart each."""
    store = metrics_of(reader.root)
    store.refresh()
    special = {run.monitor.metric, run.monitor.reference}
    known = set(store.steps.names()) | set(store.epochs.names())
    metrics = [
        one
        for one in run.metrics
        if one.chart in ("other", "quality") and one.name not in special | (set() if one.name in known else {one.name})
    ]
    if not metrics:
        st.caption("This run has no other curves.")
    for start in range(0, len(metrics), A_ROW):
        for column, spec in zip(st.columns(A_ROW, gap="medium"), metrics[start : start + A_ROW], strict=False):
            with column:
                _line(reader, store, spec)


def _loss(store: MetricsStore, metrics: Sequence[MetricSpec], seen: Window | None, title: str = "Loss") -> Drawing:
    by_step = next((one.name for one in metrics if one.name in store.steps.names()), metrics[0].name)
    by_epoch = next((one.name for one in metrics if one.name != by_step and one.name in store.epochs.names()), None)
    rows = store.cached((title, seen), lambda: loss_rows(store.steps, store.epochs, by_step, by_epoch, seen))
    quiet = "smoothed" + (" · new data by epoch" if by_epoch else "")
    return Drawing(title, quiet, rows, specs.SMALL, f"{title} of every step")


def _recon(store: MetricsStore, metrics: Sequence[MetricSpec], seen: Window | None) -> Drawing:
    return _loss(store, metrics, seen, metrics[0].label)


def gap_drawing(root: Path, view: RunView) -> Drawing | None:
    """The overfitting gap by epoch; None where no epoch has one."""
    store = metrics_of(root)
    store.refresh()
    gap = store.epochs.get("overfitting_gap")
    if view.run is None or not np.isfinite(gap).any():
        return None
    best = spot.epoch if (spot := words.sweet_spot(view.status, view.run)) else None
    rows = store.cached(("gap", best), lambda: gap_rows(gap, best, OVERFITTING_GAP))
    items = words.nouns(view.run).items
    quiet = f"new {items} behind its own, %"
    alt = f"The overfitting gap by epoch, now {words.percent(float(gap[np.isfinite(gap)][-1]))}"
    return Drawing("Gap", quiet, rows, specs.SMALL_EPOCHS, alt)


def _kl(store: MetricsStore, metrics: Sequence[MetricSpec], seen: Window | None) -> Drawing:
    main = metrics[0]
    weight = next((one for one in metrics[1:] if one.better == "neither" and one.name in store.steps.names()), None)
    x = np.arange(1, store.epochs.count + 1, dtype=float)
    area = None
    if weight is not None:
        at_epoch, values = _weights(store, weight.name)
        now = store.steps.last(weight.name)
        area = (at_epoch, values, f"its weight, now {now:.2g}") if now is not None else None
    rows = store.cached(("kl",), lambda: small_rows(store.epochs.get(main.name), x, area)) if len(x) else _NO_ROWS
    quiet = ", ".join(filter(None, [main.unit, "every epoch"]))
    return Drawing(main.label, quiet, rows, specs.SMALL_EPOCHS, main.label)


def _dimensions(store: MetricsStore, metrics: Sequence[MetricSpec], seen: Window | None) -> Drawing:
    spec = metrics[0]
    values = store.latest(spec.name)
    rows = store.cached(("dimensions",), lambda: dimension_rows(values)) if len(values) else _NO_ROWS
    quiet = f"{spec.unit}, the busiest of {len(values)} first" if len(values) else spec.unit
    return Drawing(spec.label, quiet, rows, specs.SMALL_EPOCHS, f"{spec.label} after the last epoch")


def _weights(store: MetricsStore, name: str) -> tuple[Floats, Floats]:
    """A metric of steps where each epoch ended."""
    ends = store.epochs.get("step")
    if not np.isfinite(ends).any():
        return np.empty(0), np.empty(0)
    good = np.isfinite(ends) & (ends >= 1) & (ends <= store.steps.count)
    return (np.arange(1, store.epochs.count + 1, dtype=float)[good], store.steps.at(name, ends[good]))


def _rate(store: MetricsStore, metrics: Sequence[MetricSpec], seen: Window | None) -> Drawing:
    spec = metrics[0]
    values = store.steps.get(spec.name)
    power = _power(values)
    rows = store.cached(("rate",), lambda: small_rows(values, store.steps.index().astype(float), scale=10.0**-power))
    return Drawing(spec.label, f"× 10{_superscript(power)}" if power else "", rows, specs.SMALL, spec.label)


def _every(steps: Columns) -> str:
    return "every step" if steps.stride == 1 else f"one step in {steps.stride}"


def _line(reader: RunReader, store: MetricsStore, spec: MetricSpec) -> None:
    by_step = spec.name in store.steps.names()
    columns = store.steps if by_step else store.epochs
    values = columns.get(spec.name)
    style.title(spec.label, ", ".join(filter(None, [spec.unit, _every(store.steps) if by_step else "every epoch"])))
    key = f"zoom-{spec.name}-{reader.id}"
    seen = window(key)
    if by_step:
        rows = store.cached(("line", spec.name, seen), lambda: loss_rows(columns, store.epochs, spec.name, None, seen))
    else:
        x = columns.index().astype(float)
        rows = store.cached(("line", spec.name), lambda: small_rows(values, x))
    spec_of = specs.SMALL if by_step else specs.SMALL_EPOCHS
    st.vega_lite_chart(rows, spec_of, width="stretch", key=key, on_select="rerun", alt=spec.label)


_NO_ROWS = pa.table({})
_GROUPS: dict[str, Callable[[MetricsStore, Sequence[MetricSpec], Window | None], Drawing]] = {
    "loss": _loss, "recon": _recon, "kl": _kl, "dimensions": _dimensions, "rate": _rate,
}  # fmt: skip


def _power(values: Floats) -> int:
    """The power of ten that makes the axis read 0 to 10."""
    top = float(np.nanmax(values)) if np.isfinite(values).any() else 1.0
    return 0 if top <= 0 or 0.1 <= top < 1000 else int(np.floor(np.log10(top)))


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
