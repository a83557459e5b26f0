"""What all charts are made of: marks of one table's rows, scales and axes that follow them, what the mouse tells."""

from __future__ import annotations

from typing import Any

import altair as alt

from app.charts.inherited import inherited

Spec = dict[str, Any]
RUNS = [f"run-{number}" for number in range(1, 11)]  # beside one another
ROLES = ["train", "val", "sweet", "base", "done", "track", *RUNS]
ZOOM, STOP = "zoom", "stop"
SOURCE = "source"  # Streamlit's name of a chart's rows

COLOUR = alt.Color("s:N", scale=alt.Scale(domain=ROLES), legend=None)
# Alone, the wheel scrolls the page; with Ctrl, Cmd or Shift (a pinch on a trackpad says Ctrl) it zooms.
_WHEEL = "wheel![event.ctrlKey || event.metaKey || event.shiftKey]"


def rows(kind: str) -> Any:
    """A mark of the rows of one ``k``."""
    return alt.Chart().transform_filter(f"datum.k === '{kind}'")


def scale(axis: str, log: bool = False) -> alt.Scale:
    """From the first row to the second one of the frame; from 0 to 1 (1 to 2) while there are no rows."""
    told = f"data('{SOURCE}')"
    ends = [{"expr": f"length({told}) > 1 ? {told}[{end}].{axis} : {end + log}"} for end in (0, 1)]
    return alt.Scale(type="log", nice=False, domain=ends) if log else alt.Scale(nice=False, zero=False, domain=ends)


def zoom() -> alt.Parameter:
    """By drag and wheel along x; back by a double click."""
    return alt.selection_interval(name=ZOOM, encodings=["x"], bind="scales", zoom=_WHEEL, clear="dblclick")


def x_axis(title: str | None = None, whole: bool = True) -> alt.Axis:
    """whole: whole numbers alone, for parts of the first epoch would each be called 0.

    They are written in full: Vega rounds a general format to the digits of its steps, so that 10 becomes 1e+1. What is
    no count (lengths, minutes, places) gets the steps that fit, with as many decimals as those need.
    """
    counts = {"labelExpr": "datum.value === round(datum.value) ? datum.label : ''", "tickMinStep": 1, "format": ",d"}
    measures = {"labelExpr": "format(datum.value, ',~r')"}
    return alt.Axis(
        domain=False, ticks=False, grid=False, tickCount=6, labelFontSize=12, labelFlush=False, labelBound=False,
        labelPadding=6, title=title, titleAnchor="start", titlePadding=6, titleFontSize=12, titleFontWeight="normal",
        **(counts if whole else measures),
    )  # fmt: skip


def y_axis(title: str | None = None) -> alt.Axis:
    """Its title lies above it, not beside it."""
    return alt.Axis(
        domain=False, ticks=False, tickCount=4, labelFontSize=12, labelPadding=8, labelFlush=False, labelBound=False,
        title=title, titleAngle=0, titleAnchor="end", titleAlign="left", titleBaseline="bottom", titleX=-26,
        titleY=-14, titleFontSize=12, titleFontWeight="normal",
    )  # fmt: skip


def finished(chart: Any, height: int, padding: dict[str, int]) -> Spec:
    """The specification without its rows; ``padding`` on it keeps Streamlit from adding its own below.

    Who cannot see it hears its ``alt``, not every mark: those would be nameless.
    """
    spec: Spec = chart.properties(height=height).to_dict()
    for layer in spec["layer"]:
        layer.pop("data", None)
        layer["mark"]["aria"] = False
    spec["data"] = {"name": SOURCE}
    spec.pop("config", None)
    spec.pop("datasets", None)
    spec["autosize"] = {"type": "fit-x", "contains": "padding"}
    spec["padding"] = padding
    return inherited(spec)


def end_labels() -> Any:
    """The name of each curve, behind its end."""
    return (
        rows("label")
        .mark_text(align="left", dx=8, fontSize=13, fontWeight=600, clip=False)
        .encode(x=alt.value("width"), y="y:Q", text="t:N", color=COLOUR)
    )


def frame(x: alt.X, y: alt.Y) -> Any:
    """Unseen points at the ends of the axes."""
    return rows("frame").mark_point(opacity=0, clip=True).encode(x=x, y=y)


def crosshair(x: alt.X, y: alt.Y) -> list[Any]:
    """A rule at the stop that is nearest to the mouse, a dot on each curve there, and what stands there in words.

    Of the parameters only the zoom is told to the server (see :func:`app.charts.plots.draw`): this one never leaves the
    browser.
    """
    stop = alt.selection_point(
        name=STOP, nearest=True, on="pointermove", encodings=["x"], clear="pointerout", empty=False
    )
    rule = rows("hover").transform_filter(stop).mark_rule(strokeWidth=1, opacity=0.55, clip=True)
    dots = rows("on").transform_filter(stop).mark_point(size=55, filled=True, opacity=1, clip=True)
    stops = rows("hover").mark_point(size=1, opacity=0, clip=True)
    return [
        rule.encode(x=x, color=COLOUR),
        dots.encode(x=x, y=y, color=COLOUR),
        stops.encode(x=x, y=alt.value(0), tooltip=alt.Tooltip("t:N")).add_params(stop),
    ]
