"""A run's small charts, by the metrics that the run says it has: gap, losses, regulariser, rate, and all others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import streamlit as st

from app.charts import specs
from app.charts.parts import Spec
from app.charts.plots import USUALLY, Drawing, draw, window, x_axis_of, zoom_key
from app.charts.settings import AXES, COUNTED, ChartSettings
from app.charts.small_curves import dimension_rows, gap_rows, loss_rows, small_rows
from app.charts.table import thin
from app.charts.x_axis import Window, XAxis
from app.look import style, words
from app.runs.columns import Columns, Floats
from app.runs.store import MetricsStore, metrics_of
from engine.claims.figures import percent
from engine.claims.headline import best_epoch
from engine.curves import OVERFITTING_GAP
from engine.rundir.reader import RunReader
from engine.rundir.record import MetricSpec, RunRecord
from engine.rundir.view import RunView

A_ROW = 3
LEAST_POWER = -300  # ten to the power of what is left has to be a number


@lru_cache(maxsize=8)
def _small_spec(axis: str, log: bool) -> Spec:
    return specs.small_chart(AXES[axis], log=log, whole=axis in COUNTED)


def small(reader: RunReader, view: RunView, settings: ChartSettings) -> None:
    """Three a row: the overfitting gap, losses with their bands, the regulariser whole and by dimension, the rate."""

    def key(group: str) -> str:
        return zoom_key(group, reader.id, settings)

    drawn = small_drawings(reader.root, view, lambda group: window(key(group)), settings)
    if drawn:
        _in_rows([(key(group), one) for group, one in drawn.items()])
        if drawn.get("loss"):
            style.quiet(
                "Losses are what training lowers. They count otherwise than the curve above: its own "
                f"{words.nouns(view.run).items} and new ones may lie the other way round there."
            )


def _in_rows(charts: Sequence[tuple[str, Drawing]]) -> None:
    for start in range(0, len(charts), A_ROW):
        for column, (key, one) in zip(st.columns(A_ROW, gap="medium"), charts[start : start + A_ROW], strict=False):
            with column:
                style.title(one.title, one.quiet)
                if one.rows.num_rows:
                    draw(one, key)
                else:
                    st.caption("After the first epoch.")


def small_drawings(
    root: Path, view: RunView, seen: Callable[[str], Window | None], settings: ChartSettings = USUALLY
) -> dict[str, Drawing]:
    """The small charts that a run has, by the name of their group; one that has nothing to show yet has no rows.

    seen: the part of a group's x axis that is in sight.
    """
    store = metrics_of(root)
    store.refresh()
    if view.run is None or not store.steps.count:
        return {}
    metrics = {group: [one for one in view.run.metrics if one.chart == group] for group in _GROUPS}
    drawn = {
        group: _GROUPS[group](_Sheet(store, view.run, settings, seen(group)), found)
        for group, found in metrics.items()
        if found
    }
    gap = gap_drawing(root, view, settings, seen("gap"))
    return drawn if gap is None else {"gap": gap, **drawn}


def more(reader: RunReader, run: RunRecord, settings: ChartSettings) -> None:
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
    keys = [zoom_key(one.name, reader.id, settings) for one in metrics]
    _in_rows(
        [(key, _line(_Sheet(store, run, settings, window(key)), one)) for key, one in zip(keys, metrics, strict=True)]
    )


@dataclass(frozen=True)
class _Sheet:
    """What a small chart is drawn from and on: a run's numbers, what all charts share, the part that is in sight."""

    store: MetricsStore
    run: RunRecord
    settings: ChartSettings
    seen: Window | None

    def rows(self, name: str, compute: Callable[[XAxis], pa.Table]) -> pa.Table:
        key = (name, self.settings, self.seen)
        return self.store.cached(key, lambda: compute(x_axis_of(self.store, self.run, self.settings)))

    def fitting(self, *values: Floats) -> _Sheet:
        """With a linear axis where ``values`` have no place on another."""
        return replace(self, settings=self.settings.fitting(*values))

    @property
    def spec(self) -> Spec:
        return _small_spec(self.settings.axis, self.settings.log)

    @property
    def smoothed(self) -> str:
        over = self.settings.over(by_step=True)
        thinned = self.store.steps.stride > 1 or over == 1
        return " · ".join([f"mean of {over} updates"] * (over > 1) + [_every(self.store.steps)] * thinned)


def _loss(sheet: _Sheet, metrics: Sequence[MetricSpec], title: str = "Loss") -> Drawing:
    store = sheet.store
    by_step = next((one.name for one in metrics if one.name in store.steps.names()), metrics[0].name)
    by_epoch = next((one.name for one in metrics if one.name != by_step and one.name in store.epochs.names()), None)
    sheet = sheet.fitting(store.steps.get(by_step), store.epochs.get(by_epoch or ""))
    rows = sheet.rows(
        title,
        lambda at: loss_rows(
            store.steps, store.epochs, by_step, by_epoch, at=at, settings=sheet.settings, window=sheet.seen,
            names=(title, "new data"),
        ),
    )  # fmt: skip
    quiet = sheet.smoothed + (" · new data by epoch" if by_epoch else "")
    return Drawing(title, quiet, rows, sheet.spec, f"{title} of every step")


def _loss_part(sheet: _Sheet, metrics: Sequence[MetricSpec]) -> Drawing:
    return _loss(sheet, metrics, metrics[0].label)


def gap_drawing(
    root: Path, view: RunView, settings: ChartSettings = USUALLY, seen: Window | None = None
) -> Drawing | None:
    """The overfitting gap by epoch; None where no epoch has one."""
    store = metrics_of(root)
    store.refresh()
    gap = store.epochs.get("overfitting_gap")
    if view.run is None or not np.isfinite(gap).any():
        return None
    best = spot.epoch if (spot := best_epoch(view.status, view.run)) else None
    sheet = _Sheet(store, view.run, settings, seen)
    rows = sheet.rows(
        f"gap {best}", lambda at: gap_rows(gap, best, OVERFITTING_GAP, at=at, settings=settings, window=seen)
    )
    items = words.nouns(view.run).items
    quiet = f"new {items} behind its own, %"
    alt = f"The overfitting gap by epoch, now {percent(float(gap[np.isfinite(gap)][-1]))}"
    return Drawing("Gap", quiet, rows, _small_spec(settings.axis, False), alt)


def _regulariser(sheet: _Sheet, metrics: Sequence[MetricSpec]) -> Drawing:
    store, main = sheet.store, metrics[0]
    weight = next((one for one in metrics[1:] if one.better == "neither" and one.name in store.steps.names()), None)

    def rows(at: XAxis) -> pa.Table:
        area = None
        if weight is not None and (now := store.steps.last(weight.name)) is not None:
            area = (*_weights(store, weight.name, at), f"its weight, now {now:.2g}")
        return small_rows(
            store.epochs.get(main.name), at.epochs, area, at=at, name=(main.label, main.unit), settings=sheet.settings,
            window=sheet.seen,
        )  # fmt: skip

    quiet = ", ".join(filter(None, [main.unit, "every epoch"]))
    drawn = sheet.rows("regulariser", rows) if store.epochs.count else _NO_ROWS
    return Drawing(main.label, quiet, drawn, sheet.spec, main.label)


def _bars(sheet: _Sheet, metrics: Sequence[MetricSpec]) -> Drawing:
    spec = metrics[0]
    values = sheet.store.latest(spec.name)
    rows = sheet.store.cached(("bars",), lambda: dimension_rows(values)) if len(values) else _NO_ROWS
    quiet = f"{spec.unit}, the busiest of {len(values)} first" if len(values) else spec.unit
    return Drawing(spec.label, quiet, rows, specs.BARS, f"{spec.label} after the last epoch")


def _weights(store: MetricsStore, name: str, at: XAxis) -> tuple[Floats, Floats]:
    """A metric of steps where each epoch ended."""
    ends = store.epochs.get("step")
    good = np.isfinite(ends) & (ends >= 1) & (ends <= store.steps.count) & np.isfinite(at.epochs)
    return at.epochs[good], store.steps.at(name, ends[good])


def _rate(sheet: _Sheet, metrics: Sequence[MetricSpec]) -> Drawing:
    spec, steps = metrics[0], sheet.store.steps
    power = _power(steps.get(spec.name))
    times = f"× 10{_superscript(power)}" if power else ""
    rows = sheet.rows("rate", lambda at: _step_rows(sheet, spec, at, f"{spec.label} {times}".strip(), 10.0**-power))
    return Drawing(spec.label, times, rows, sheet.spec, spec.label)


def _step_rows(sheet: _Sheet, spec: MetricSpec, at: XAxis, name: str, scale: float) -> pa.Table:
    """A value of every step as it is: what is no noise needs no smoothing."""
    steps = sheet.store.steps
    first, last = ((one - 1) // steps.stride for one in at.steps_within(sheet.seen))
    x, y = thin(steps.index()[first : last + 1].astype(float), steps.get(spec.name)[first : last + 1])
    return small_rows(
        y, at.of_steps(x), scale=scale, at=at, name=(name, ""), settings=replace(sheet.settings, smoothing="1"),
        window=sheet.seen, whole=at.of_steps(np.array([1.0, steps.count])),
    )  # fmt: skip


def _every(steps: Columns) -> str:
    return "every step" if steps.stride == 1 else f"one step in {steps.stride}"


def _line(sheet: _Sheet, spec: MetricSpec) -> Drawing:
    store = sheet.store
    by_step = spec.name in store.steps.names()
    sheet = sheet.fitting((store.steps if by_step else store.epochs).get(spec.name))

    def rows(at: XAxis) -> pa.Table:
        if by_step:
            return loss_rows(
                store.steps, store.epochs, spec.name, None, at=at, settings=sheet.settings, window=sheet.seen,
                names=(spec.label, ""),
            )  # fmt: skip
        return small_rows(
            store.epochs.get(spec.name), at.epochs, at=at, name=(spec.label, spec.unit), settings=sheet.settings,
            window=sheet.seen,
        )  # fmt: skip

    quiet = ", ".join(filter(None, [spec.unit, sheet.smoothed if by_step else "every epoch"]))
    return Drawing(spec.label, quiet, sheet.rows(f"line {spec.name}", rows), sheet.spec, spec.label)


_NO_ROWS = pa.table({})
_GROUPS: dict[str, Callable[[_Sheet, Sequence[MetricSpec]], Drawing]] = {
    "loss": _loss, "loss_part": _loss_part, "regulariser": _regulariser, "bars": _bars, "rate": _rate,
}  # fmt: skip


def _power(values: Floats) -> int:
    """The power of ten that makes the axis read 0 to 10, as far as ``values`` are finite."""
    top = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    return 0 if top <= 0 or 0.1 <= top < 1000 else max(LEAST_POWER, int(np.floor(np.log10(top))))


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
