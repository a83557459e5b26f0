"""The curves of several runs over one another, and what one chooses of them; every choice lives in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from app.charts import specs
from app.charts.overlay import Line, curve, mean, overlay_rows, relative
from app.charts.parts import RUNS, Spec
from app.charts.plots import MAIN_HEIGHT, Drawing, draw, window
from app.charts.settings import AXES, COUNTED, ChartSettings
from app.charts.x_axis import said
from app.look import link, style, words
from app.panels import chart_controls
from app.runs.compared import Compared, shared_metrics
from app.runs.seeds import grouped
from engine.claims.figures import figure
from engine.printable import escaped
from engine.rundir.record import MetricSpec


@dataclass(frozen=True)
class Choice:
    """What is drawn: a metric, as it is or against each run's baseline."""

    metric: MetricSpec
    relative: bool
    settings: ChartSettings

    @property
    def key(self) -> str:
        """What a zoom belongs to: another picture begins unzoomed."""
        return f"zoom-compare-{self.metric.name}-{self.settings.axis}"


def show(runs: Sequence[Compared], together: bool = False) -> None:
    """The controls and the chart. together: one curve for all seeds of the same settings."""
    metrics = shared_metrics(runs)
    if not metrics:
        learning = any(one.view.state.live for one in runs)
        style.quiet("Their curves begin with the first step." if learning else "They have no curve in common.")
        return
    choice = _choose(runs, metrics)
    drawn = {one.reader.id: line for one in runs if (line := _line(one, choice)) is not None}
    without = [one.name for one in runs if one.reader.id not in drawn]
    lines = _means(runs, drawn) if together else list(drawn.values())
    settings, seen = choice.settings, window(choice.key)
    by_step = any(choice.metric.name in one.store.steps.names() for one in runs)
    rows = overlay_rows(
        lines, seen, settings.over(by_step), settings.log, MAIN_HEIGHT, lambda place: said(settings.axis, place)
    )
    spec = _spec(settings.axis, _y_title(runs, choice), settings.log)
    draw(Drawing("", "", rows, spec, _alt(lines, choice, runs)), choice.key)
    stride = max(one.store.steps.stride for one in runs)
    if stride > 1 and by_step:
        style.quiet(f"Of long runs one step in {stride} is drawn here; a run's own page has every step.")
    if without:
        style.quiet(f"Without a curve here yet: {', '.join(without)}.")


@lru_cache(maxsize=32)
def _spec(axis: str, y_title: str, log: bool) -> Spec:
    return specs.overlay_chart(AXES[axis], y_title, log, MAIN_HEIGHT, whole=axis in COUNTED)


def _choose(runs: Sequence[Compared], metrics: Mapping[str, MetricSpec]) -> Choice:
    names = list(metrics)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-view"):
        name = st.selectbox(
            "Curve", names, names.index(link.asked("metric", names, names[0])), key="compare-metric", width=300,
            format_func=lambda one: escaped(_called(metrics[one])),
        )  # fmt: skip
        settings = chart_controls.choose("compare")
        against = _may_be_relative(runs, name) and st.toggle(
            "Against the average", link.asked("relative", ("0", "1"), "0") == "1", key="compare-relative",
            help="Each run's error as a part of that of its own baseline, the one answer that is always the same.",
        )  # fmt: skip
    link.keep("metric", name or names[0], names[0])
    link.keep("relative", f"{against:d}", "0")
    return Choice(metrics[name], against, settings)


def _called(spec: MetricSpec) -> str:
    said = f"{spec.label[:1].upper()}{spec.label[1:]}"
    return f"{said}, {spec.unit}" if spec.unit else said


def _may_be_relative(runs: Sequence[Compared], metric: str) -> bool:
    """Only what every run is judged by has a baseline."""
    return all(
        metric in (one.run.monitor.metric, one.run.monitor.reference) and _baseline(one) is not None for one in runs
    )


def _baseline(one: Compared) -> float | None:
    """What errors are divided by, or scores' lacks; None where there is nothing to divide by."""
    found, least = one.run.monitor.baseline, 0.0
    if found is None or not math.isfinite(found):
        return None
    error = found if one.run.monitor.better == "lower" else 1 - found
    return found if error > least else None


def _line(one: Compared, choice: Choice) -> Line | None:
    x, y = one.store.cached(
        ("curve", choice.metric.name, choice.settings.axis),
        lambda: curve(one.store, choice.metric.name, choice.settings.axis, one.run.steps_per_epoch),
    )
    base = _baseline(one)
    if choice.relative and base is not None:
        y = relative(y, base, one.run.monitor.better)
    return Line(RUNS[one.number - 1], one.name, x, y) if len(x) else None


def _means(runs: Sequence[Compared], drawn: Mapping[str, Line]) -> list[Line]:
    """A line for each group of runs that differ in their seed alone; of those that share no place, one each."""
    found = []
    for group in grouped(runs):
        lines = [drawn[one.reader.id] for one in group.runs if one.reader.id in drawn]
        if lines:
            together = mean(RUNS[group.number - 1], group.name, lines)
            found += [together] if len(together.x) else lines
    return found


def _y_title(runs: Sequence[Compared], choice: Choice) -> str:
    spec, run = choice.metric, runs[0].run
    if choice.relative:
        return f"{spec.label}: error / average {words.nouns(run).item}"
    unit = f" in {spec.unit}" if spec.unit else ""
    better = "" if spec.better == "neither" else f", {spec.better} is better"
    return f"{spec.label}{unit}{better}"


def _alt(lines: Sequence[Line], choice: Choice, runs: Sequence[Compared]) -> str:
    unit = "" if choice.relative else choice.metric.unit
    ends = [f"{line.name} {figure(float(line.y[-1]), unit)}" for line in lines]
    return f"{_y_title(runs, choice)}, over {AXES[choice.settings.axis]}, last: {', '.join(ends)}"
