"""The curves of several runs over one another, and what one chooses of them; every choice lives in the address."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import streamlit as st

from app.charts import specs
from app.charts.overlay import AXES, Line, curve, overlay_rows, relative
from app.charts.plots import MAIN_HEIGHT, window
from app.look import link, style, words
from app.look.plain import plain
from app.runs.compared import Compared, shared_metrics
from engine.rundir.schema import MetricSpec

SMOOTHINGS = ("1", "5", "17", "65", "257")
_AXIS_NAMES = {"epoch": "Epoch", "step": "Update", "time": "Time"}


@dataclass(frozen=True)
class Choice:
    """What is drawn: a metric over one of the axes, as it is or against each run's baseline."""

    metric: MetricSpec
    axis: str
    relative: bool
    log: bool
    smoothing: int

    @property
    def key(self) -> str:
        """What a zoom belongs to: another picture begins unzoomed."""
        return f"zoom-compare-{self.metric.name}-{self.axis}"


def show(runs: Sequence[Compared]) -> None:
    """The controls and the chart."""
    metrics = shared_metrics(runs)
    if not metrics:
        learning = any(one.view.state.live for one in runs)
        style.quiet("Their curves begin with the first step." if learning else "They have no curve in common.")
        return
    choice = _choose(runs, metrics)
    lines = [line for one in runs if (line := _line(one, choice)) is not None]
    without = [one.name for one in runs if one.name not in {line.name for line in lines}]
    rows = overlay_rows(lines, window(choice.key), choice.smoothing, choice.log, MAIN_HEIGHT)
    x_title = AXES[choice.axis]
    st.vega_lite_chart(
        rows, _spec(x_title, _y_title(runs, choice), choice.log), width="stretch", key=choice.key, on_select="rerun",
        alt=_alt(lines, choice, runs),
    )  # fmt: skip
    stride = max(one.store.steps.stride for one in runs)
    if stride > 1 and any(choice.metric.name in one.store.steps.names() for one in runs):
        style.quiet(f"Of long runs one step in {stride} is drawn here; a run's own page has every step.")
    if without:
        style.quiet(f"Without a curve here yet: {', '.join(without)}.")


@lru_cache(maxsize=32)
def _spec(x_title: str, y_title: str, log: bool) -> specs.Spec:
    x_format = "~s" if x_title == AXES["step"] else "~g"  # thousands as k, which minutes are not
    return specs.overlay_chart(x_title, y_title, log, x_format, MAIN_HEIGHT)


def _choose(runs: Sequence[Compared], metrics: Mapping[str, MetricSpec]) -> Choice:
    names, axes = list(metrics), list(AXES)
    with st.container(horizontal=True, vertical_alignment="bottom", key="compare-view"):
        name = st.selectbox(
            "Curve", names, names.index(link.asked("metric", names, names[0])), key="compare-metric", width=300,
            format_func=lambda one: plain(_called(metrics[one])),
        )  # fmt: skip
        axis = st.segmented_control(
            "Over", axes, default=link.asked("x", axes, axes[0]), format_func=_AXIS_NAMES.__getitem__,
            required=True, key="compare-x",
        )  # fmt: skip
        smoothing = st.selectbox(
            "Smoothing", SMOOTHINGS, SMOOTHINGS.index(link.asked("smooth", SMOOTHINGS, "1")), key="compare-smooth",
            width=130, format_func=lambda one: "off" if one == "1" else one,
            help="The mean over so many values; what the values themselves reach stands pale behind it.",
        )  # fmt: skip
        log = st.toggle("Logarithmic", link.asked("log", ("0", "1"), "0") == "1", key="compare-log")
        against = _may_be_relative(runs, name) and st.toggle(
            "Against the average", link.asked("relative", ("0", "1"), "0") == "1", key="compare-relative",
            help="Each run's error as a part of that of its own baseline, the one answer that is always the same.",
        )  # fmt: skip
    for said, value, usual in (
        ("metric", name, names[0]), ("x", axis, axes[0]), ("smooth", smoothing, "1"), ("log", f"{log:d}", "0"),
        ("relative", f"{against:d}", "0"),
    ):  # fmt: skip
        link.keep(said, value or usual, usual)
    return Choice(metrics[name], axis or axes[0], against, log, int(smoothing))


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
    found, least = words.baseline(one.view.status, one.run), 0.0
    if found is None or not math.isfinite(found):
        return None
    error = found if one.run.monitor.better == "lower" else 1 - found
    return found if error > least else None


def _line(one: Compared, choice: Choice) -> Line | None:
    x, y = one.store.cached(
        ("curve", choice.metric.name, choice.axis), lambda: curve(one.store, choice.metric.name, choice.axis)
    )
    base = _baseline(one)
    if choice.relative and base is not None:
        y = relative(y, base, one.run.monitor.better)
    return Line(specs.RUNS[one.number - 1], one.name, x, y) if len(x) else None


def _y_title(runs: Sequence[Compared], choice: Choice) -> str:
    spec, run = choice.metric, runs[0].run
    if choice.relative:
        return f"{spec.label}: error / average {words.nouns(run).item}"
    unit = f" in {spec.unit}" if spec.unit else ""
    better = "" if spec.better == "neither" else f", {spec.better} is better"
    return f"{spec.label}{unit}{better}"


def _alt(lines: Sequence[Line], choice: Choice, runs: Sequence[Compared]) -> str:
    unit = "" if choice.relative else choice.metric.unit
    ends = [f"{line.name} {words.figure(float(line.y[-1]), unit)}" for line in lines]
    return f"{_y_title(runs, choice)}, over {AXES[choice.axis]}, last: {', '.join(ends)}"
