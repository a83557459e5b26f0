"""Charts, authored in Altair once at import; a page sends the specification with fresh rows.

A mark names a **role** (train, val, sweet, base, done, track), never a colour: the scale has a domain and no range, so
the browser takes the colours of its theme, and a switch of theme needs no rerun. All rows of a chart are one table with
a column ``k`` that says which mark a row belongs to; domains come from the rows, so that the specification never
changes and a zoom survives new rows. They come from the first two rows alone, the frame: Vega would gather them from
the rows of every mark, and warns of each that has none.
"""

from __future__ import annotations

from typing import Any

import altair as alt

from app.charts.inherited import inherited

Spec = dict[str, Any]
RUNS = [f"run-{number}" for number in range(1, 11)]  # beside one another
ROLES = ["train", "val", "sweet", "base", "done", "track", *RUNS]
SOLID = 5  # so many runs; the others are dashed as well
ZOOM, PICK, STOP = "zoom", "pick", "stop"
HEAR = "hear"  # the layer of what can be clicked to be heard
CHOSEN = "chosen"  # that of what is heard
SOURCE = "source"  # Streamlit's name of a chart's rows

_COLOUR = alt.Color("s:N", scale=alt.Scale(domain=ROLES), legend=None)
# Alone, the wheel scrolls the page; with Ctrl, Cmd or Shift (a pinch on a trackpad says Ctrl) it zooms.
_WHEEL = "wheel![event.ctrlKey || event.metaKey || event.shiftKey]"


_ASIDE = "-5.2 * datum.x * length(datum.t)"  # pixels: letters are 5.2 wide on the whole


def _rows(kind: str) -> Any:
    return alt.Chart().transform_filter(f"datum.k === '{kind}'")


def _scale(axis: str, log: bool = False) -> alt.Scale:
    """From the first row to the second one of the frame; from 0 to 1 (1 to 2) while there are no rows."""
    rows = f"data('{SOURCE}')"
    ends = [{"expr": f"length({rows}) > 1 ? {rows}[{end}].{axis} : {end + log}"} for end in (0, 1)]
    return alt.Scale(type="log", nice=False, domain=ends) if log else alt.Scale(nice=False, zero=False, domain=ends)


def _zoom() -> alt.Parameter:
    return alt.selection_interval(name=ZOOM, encodings=["x"], bind="scales", zoom=_WHEEL, clear="dblclick")


def _x_axis(title: str | None = None) -> alt.Axis:
    """Whole numbers alone, for parts of the first epoch would each be called 0.

    They are written in full: Vega rounds a general format to the digits of its steps, so that 10 becomes 1e+1.
    """
    return alt.Axis(
        labelExpr="datum.value === round(datum.value) ? datum.label : ''",
        domain=False, ticks=False, grid=False, tickCount=6, tickMinStep=1, labelFontSize=12, labelFlush=False,
        labelBound=False, labelPadding=6, format=",d", title=title, titleAnchor="start", titlePadding=6,
        titleFontSize=12, titleFontWeight="normal",
    )  # fmt: skip


def _y_axis(title: str | None = None) -> alt.Axis:
    return alt.Axis(
        domain=False, ticks=False, tickCount=4, labelFontSize=12, labelPadding=8, labelFlush=False, labelBound=False,
        title=title, titleAngle=0, titleAnchor="end", titleAlign="left", titleBaseline="bottom", titleX=-26,
        titleY=-14, titleFontSize=12, titleFontWeight="normal",
    )  # fmt: skip


def _finish(chart: Any, height: int, padding: dict[str, int]) -> Spec:
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


def _end_labels() -> Any:
    return (
        _rows("label")
        .mark_text(align="left", dx=8, fontSize=13, fontWeight=600, clip=False)
        .encode(x=alt.value("width"), y="y:Q", text="t:N", color=_COLOUR)
    )


def _frame(x: alt.X, y: alt.Y) -> Any:
    """Unseen points at the ends of the axes."""
    return _rows("frame").mark_point(opacity=0, clip=True).encode(x=x, y=y)


def _crosshair(x: alt.X, y: alt.Y) -> list[Any]:
    """A rule at the stop that is nearest to the mouse, a dot on each curve there, and what stands there in words.

    Of the parameters only the zoom is told to the server (see :func:`app.charts.plots.draw`): this one never leaves the
    browser.
    """
    stop = alt.selection_point(
        name=STOP, nearest=True, on="pointermove", encodings=["x"], clear="pointerout", empty=False
    )
    rule = _rows("hover").transform_filter(stop).mark_rule(strokeWidth=1, opacity=0.55, clip=True)
    dots = _rows("on").transform_filter(stop).mark_point(size=55, filled=True, opacity=1, clip=True)
    stops = _rows("hover").mark_point(size=1, opacity=0, clip=True)
    return [
        rule.encode(x=x, color=_COLOUR),
        dots.encode(x=x, y=y, color=_COLOUR),
        stops.encode(x=x, y=alt.value(0), tooltip=alt.Tooltip("t:N")).add_params(stop),
    ]


def main_chart(x_title: str, y_title: str, height: int = 368, log: bool = False) -> Spec:
    """Validation and training, the baseline, the sweet range and what lies beyond, what happened to the run."""
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis(x_title))
    y = alt.Y("y:Q", scale=_scale("y", log), axis=_y_axis(y_title))
    layers = [
        _frame(x, y).add_params(_zoom()),
        *_behind(x, y),
        *_curves(x, y),
        *_events(x),
        *_names(x, y),
        *_crosshair(x, y),
        _to_hear(x),
    ]
    return _finish(alt.layer(*layers), height, {"top": 4, "right": 4, "bottom": 4, "left": 4})


def _behind(x: alt.X, y: alt.Y) -> list[Any]:
    """The sweet range and what lies beyond, the baseline, rules where the run was resumed or planned anew."""
    return [
        _rows("range").mark_rect(opacity=0.1, clip=True).encode(x=x, x2="x2:Q", color=_COLOUR),
        _rows("beyond").mark_rect(opacity=0.06, clip=True).encode(x=x, x2="x2:Q", color=_COLOUR),
        _rows("base").mark_rule(strokeWidth=1.5, strokeDash=[6, 4], clip=True).encode(y=y, color=_COLOUR),
        _rows("sweet").mark_rule(strokeWidth=1.5, strokeDash=[2, 3], clip=True).encode(x=x, color=_COLOUR),
        *(
            _rows(kind).mark_rule(strokeWidth=1, opacity=0.3, clip=True).encode(x=x, color=_COLOUR)
            for kind in ("resumed", "planned")
        ),
    ]


def _curves(x: alt.X, y: alt.Y) -> list[Any]:
    return [
        _rows("band")
        .mark_area(opacity=0.15, interpolate="monotone", clip=True)
        .encode(x=x, y=y, y2="y2:Q", color=_COLOUR),
        _rows("train")
        .mark_line(strokeWidth=1.75, strokeDash=[7, 2.5], interpolate="monotone", clip=True)
        .encode(x=x, y=y, color=_COLOUR),
        _rows("spread")
        .mark_area(opacity=0.13, interpolate="monotone", clip=True)
        .encode(x=x, y=y, y2="y2:Q", color=_COLOUR),
        _rows("val").mark_line(strokeWidth=3, interpolate="monotone", clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("dot").mark_point(size=40, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("best").mark_point(size=90, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=_COLOUR),
    ]


def _events(x: alt.X) -> list[Any]:
    """What happened to the run, along the lower edge."""
    low = alt.value("height")
    return [
        _rows("preview")
        .mark_point(shape="triangle-up", size=44, filled=True, opacity=1, yOffset=-5, clip=True)
        .encode(x=x, y=low, color=_COLOUR),
        _rows("chosen").mark_rule(strokeWidth=1.5, clip=True).encode(x=x, color=_COLOUR).properties(name=CHOSEN),
        _rows("chosen")
        .mark_point(shape="triangle-up", size=130, filled=True, opacity=1, yOffset=-6, clip=True)
        .encode(x=x, y=low, color=_COLOUR),
        _rows("checkpoint")
        .mark_point(size=14, filled=True, opacity=1, yOffset=-15, clip=True)
        .encode(x=x, y=low, color=_COLOUR),
        _rows("planned")
        .mark_point(shape="diamond", size=40, filled=True, opacity=1, yOffset=-15, clip=True)
        .encode(x=x, y=low, color=_COLOUR),
        _rows("resumed")
        .mark_text(fontSize=14, fontWeight=600, dy=-15, dx=8, text="↻", clip=True)
        .encode(x=x, y=low, color=_COLOUR),
        _rows("legend")
        .mark_text(align="right", fontSize=12, dx=100, dy=31, baseline="middle", clip=False)
        .encode(x=alt.value("width"), y=low, text="t:N", color=_COLOUR),
    ]


def _names(x: alt.X, y: alt.Y) -> list[Any]:
    return [
        _rows("sweet-left")
        .mark_text(align="right", dx=-8, dy=8, fontSize=13, fontWeight=600, clip=True)
        .encode(x=x, y=y, text="t:N", color=_COLOUR),
        _rows("sweet-right")
        .mark_text(align="left", dx=8, dy=8, fontSize=13, fontWeight=600, clip=True)
        .encode(x=x, y=y, text="t:N", color=_COLOUR),
        _end_labels(),
    ]


def _to_hear(x: alt.X) -> Any:
    """Above what follows the mouse, which else takes the click; as wide as a finger, not as the triangle."""
    pick = alt.selection_point(name=PICK, fields=["t"], on="click", toggle="true", clear=False, empty=False)
    return (
        _rows("preview")
        .mark_point(size=500, filled=True, opacity=0, yOffset=-9, cursor="pointer", clip=True)
        .encode(x=x, y=alt.value("height"), tooltip=alt.value("click to hear it"))
        .properties(name=HEAR)
        .add_params(pick)
    )


def overlay_chart(x_title: str, y_title: str, log: bool = False, height: int = 368) -> Spec:
    """One line a run over what its raw values reach, its name at its end; hovered points tell their run."""
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis(x_title))
    y = alt.Y("y:Q", scale=_scale("y", log), axis=_y_axis(y_title))
    end = alt.X(value="width")
    layers = [
        _frame(x, y).add_params(_zoom()),
        _rows("band").mark_area(opacity=0.15, clip=True).encode(x=x, y=y, y2="y2:Q", color=_COLOUR),
        _rows("line").mark_line(strokeWidth=2.25, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("dashed").mark_line(strokeWidth=2.25, strokeDash=[7, 3], clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("dot").mark_point(size=50, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("end")
        .mark_point(size=60, filled=True, opacity=1, xOffset=10, clip=False)
        .encode(x=end, y=y, color=_COLOUR),
        _rows("label")
        .mark_text(align="left", dx=20, fontSize=13, clip=False)
        .encode(x=end, y=y, text="t:N", color=_COLOUR),
        *_crosshair(x, y),
    ]
    return _finish(alt.layer(*layers), height, {"top": 4, "right": 4, "bottom": 4, "left": 4})


def small_chart(x_title: str | None = None, log: bool = False, height: int = 150) -> Spec:
    """A line, maybe over its band, over a pale area in its own scale, with a validation line of points beside it."""
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis(x_title))
    y = alt.Y("y:Q", scale=_scale("y", log), axis=_y_axis())
    layers = [
        _frame(x, y).add_params(_zoom()),
        _rows("area").mark_area(opacity=0.16, clip=True).encode(x=x, y=y, y2="y2:Q", color=_COLOUR),
        _rows("band").mark_area(opacity=0.18, clip=True).encode(x=x, y=y, y2="y2:Q", color=_COLOUR),
        _rows("bar").mark_rect(opacity=0.85, clip=True).encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=_COLOUR),
        _rows("line").mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("other").mark_line(strokeWidth=1.75, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("dot").mark_point(size=16, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("limit").mark_rule(strokeWidth=1.5, strokeDash=[6, 4], clip=True).encode(y=y, color=_COLOUR),
        _rows("inside")
        .mark_text(align="right", baseline="bottom", dx=-6, dy=-6, fontSize=11.5, clip=False)
        .encode(x=alt.value("width"), y=alt.value("height"), text="t:N", color=_COLOUR),
        _rows("corner")
        .mark_text(align="right", baseline="top", dx=-6, dy=2, fontSize=11.5, fontWeight=600, clip=False)
        .encode(x=alt.value("width"), y=alt.value(0), text="t:N", color=_COLOUR),
        *_crosshair(x, y),
    ]
    return _finish(alt.layer(*layers), height, {"top": 10, "right": 12, "bottom": 4, "left": 4})


def strip_chart() -> Spec:
    """The whole run as one bar: what is left, what is done, the sweet range, what lies beyond, a dot per preview."""
    x = alt.X("x:Q", scale=alt.Scale(nice=False, zero=False, domain=[0, 1]), axis=None)
    top, bottom = alt.value(20), alt.value(28)
    layers = [
        _rows(kind).mark_rect(cornerRadius=4, opacity=1).encode(x=x, x2="x2:Q", y=top, y2=bottom, color=_COLOUR)
        for kind in ("left", "past", "done", "square")
    ]
    layers += [
        _rows("range").mark_rect(opacity=1).encode(x=x, x2="x2:Q", y=top, y2=bottom, color=_COLOUR),
        _rows("dot").mark_point(size=9, filled=True, opacity=1).encode(x=x, y=alt.value(24), color=_COLOUR),
        _rows("tick").mark_rule(strokeWidth=2).encode(x=x, y=alt.value(16), y2=alt.value(30), color=_COLOUR),
        # As much of a label lies left of its tick as of the bar does, so that it fits on a phone wherever the tick is.
        _rows("label")
        .mark_text(fontSize=12, fontWeight=600, baseline="bottom", dy=14, align="left", dx=alt.expr(_ASIDE))
        .encode(x=x, y=alt.value(0), text="t:N", color=_COLOUR),
    ]
    return _finish(alt.layer(*layers), 30, {"top": 0, "right": 1, "bottom": 0, "left": 1})


def length_dots() -> Spec:
    """One dot a sound by its length: filled learns, ring checks."""
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis())
    y = alt.Y("y:Q", scale=_scale("y"), axis=None)
    tip = [alt.Tooltip("t:N", title="sound"), alt.Tooltip("y2:Q", title="seconds", format=".2f")]
    layers = [
        _rows("frame").mark_point(opacity=0).encode(x=x, y=y),
        _rows("learn").mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=_COLOUR, tooltip=tip),
        _rows("check")
        .mark_point(size=74, filled=False, strokeWidth=2.2, opacity=1)
        .encode(x=x, y=y, color=_COLOUR, tooltip=tip),
    ]
    return _finish(alt.layer(*layers), 130, {"top": 4, "right": 12, "bottom": 4, "left": 12})


def length_histogram() -> Spec:
    """The same for many sounds: bars of how many, those that check stacked on those that learn."""
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis())
    y = alt.Y("y:Q", scale=_scale("y"), axis=_y_axis())
    layers = [
        _rows("frame").mark_point(opacity=0).encode(x=x, y=y),
        _rows("bar").mark_rect(opacity=0.9).encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=_COLOUR),
    ]
    return _finish(alt.layer(*layers), 130, {"top": 4, "right": 12, "bottom": 4, "left": 4})


def map_chart(x_title: str, y_title: str, height: int = 440) -> Spec:
    """The collection on a plane, every place of which can be clicked: filled learns, ring checks, target: heard now.

    An unseen tile under every place (and one round each file, above those) is what a click selects: Vega's own
    selections of points know only marks.
    """
    x = alt.X("x:Q", scale=_scale("x"), axis=_x_axis(x_title))
    y = alt.Y("y:Q", scale=_scale("y"), axis=_y_axis(y_title))
    pick = alt.selection_point(name=PICK, fields=["x", "x2", "y", "y2", "t"], on="click", toggle=False, clear=False)
    name = alt.Tooltip("t:N", title="sound")
    hit = {"condition": {"test": "datum.t === ''", "value": None}, "field": "t", "type": "nominal"}
    layers = [
        _frame(x, y),
        _rows("learn").mark_point(size=90, filled=True, opacity=0.85, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("check")
        .mark_point(size=74, filled=False, strokeWidth=2.2, opacity=1, clip=True)
        .encode(x=x, y=y, color=_COLOUR, tooltip=name),
        _rows("here").mark_point(size=420, filled=False, strokeWidth=2.2, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("here").mark_point(size=36, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=_COLOUR),
        _rows("tile")
        .mark_rect(opacity=0, cursor="crosshair", clip=True)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q")
        .add_params(pick),
    ]
    spec = _finish(alt.layer(*layers), height, {"top": 10, "right": 8, "bottom": 4, "left": 4})
    spec["layer"][-1]["encoding"]["tooltip"] = hit
    return spec


STRIP = strip_chart()
BARS = small_chart()
DOTS = length_dots()
HISTOGRAM = length_histogram()
