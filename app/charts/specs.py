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

from app.charts.parts import COLOUR, Spec, crosshair, end_labels, finished, frame, rows, scale, x_axis, y_axis, zoom

SOLID = 5  # so many runs; the others are dashed as well
PICK = "pick"
HEAR = "hear"  # the layer of what can be clicked to be heard
CHOSEN = "chosen"  # that of what is heard

_ASIDE = "-5.2 * datum.x * length(datum.t)"  # pixels: letters are 5.2 wide on the whole


def main_chart(x_title: str, y_title: str, height: int = 368, log: bool = False, whole: bool = True) -> Spec:
    """Validation and training, the baseline, the sweet range and what lies beyond, what happened to the run.

    whole: as :func:`app.charts.parts.x_axis` has it, here and below.
    """
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(x_title, whole))
    y = alt.Y("y:Q", scale=scale("y", log), axis=y_axis(y_title))
    layers = [
        frame(x, y).add_params(zoom()),
        *_behind(x, y),
        *_curves(x, y),
        *_events(x),
        *_names(x, y),
        *crosshair(x, y),
        _to_hear(x),
    ]
    return finished(alt.layer(*layers), height, {"top": 4, "right": 4, "bottom": 4, "left": 4})


def _behind(x: alt.X, y: alt.Y) -> list[Any]:
    """The sweet range and what lies beyond, the baseline, rules where the run was resumed or planned anew."""
    return [
        rows("range").mark_rect(opacity=0.1, clip=True).encode(x=x, x2="x2:Q", color=COLOUR),
        rows("beyond").mark_rect(opacity=0.06, clip=True).encode(x=x, x2="x2:Q", color=COLOUR),
        rows("base").mark_rule(strokeWidth=1.5, strokeDash=[6, 4], clip=True).encode(y=y, color=COLOUR),
        rows("sweet").mark_rule(strokeWidth=1.5, strokeDash=[2, 3], clip=True).encode(x=x, color=COLOUR),
        *(
            rows(kind).mark_rule(strokeWidth=1, opacity=0.3, clip=True).encode(x=x, color=COLOUR)
            for kind in ("resumed", "planned")
        ),
    ]


def _curves(x: alt.X, y: alt.Y) -> list[Any]:
    return [
        rows("band")
        .mark_area(opacity=0.15, interpolate="monotone", clip=True)
        .encode(x=x, y=y, y2="y2:Q", color=COLOUR),
        rows("train")
        .mark_line(strokeWidth=1.75, strokeDash=[7, 2.5], interpolate="monotone", clip=True)
        .encode(x=x, y=y, color=COLOUR),
        rows("spread")
        .mark_area(opacity=0.13, interpolate="monotone", clip=True)
        .encode(x=x, y=y, y2="y2:Q", color=COLOUR),
        rows("val").mark_line(strokeWidth=3, interpolate="monotone", clip=True).encode(x=x, y=y, color=COLOUR),
        rows("dot").mark_point(size=40, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("best").mark_point(size=90, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=COLOUR),
    ]


def _events(x: alt.X) -> list[Any]:
    """What happened to the run, along the lower edge."""
    low = alt.value("height")
    return [
        rows("preview")
        .mark_point(shape="triangle-up", size=44, filled=True, opacity=1, yOffset=-5, clip=True)
        .encode(x=x, y=low, color=COLOUR),
        rows("chosen").mark_rule(strokeWidth=1.5, clip=True).encode(x=x, color=COLOUR).properties(name=CHOSEN),
        rows("chosen")
        .mark_point(shape="triangle-up", size=130, filled=True, opacity=1, yOffset=-6, clip=True)
        .encode(x=x, y=low, color=COLOUR),
        rows("checkpoint")
        .mark_point(size=14, filled=True, opacity=1, yOffset=-15, clip=True)
        .encode(x=x, y=low, color=COLOUR),
        rows("planned")
        .mark_point(shape="diamond", size=40, filled=True, opacity=1, yOffset=-15, clip=True)
        .encode(x=x, y=low, color=COLOUR),
        rows("resumed")
        .mark_text(fontSize=14, fontWeight=600, dy=-15, dx=8, text="↻", clip=True)
        .encode(x=x, y=low, color=COLOUR),
        rows("legend")
        .mark_text(align="right", fontSize=12, dx=100, dy=31, baseline="middle", clip=False)
        .encode(x=alt.value("width"), y=low, text="t:N", color=COLOUR),
    ]


def _names(x: alt.X, y: alt.Y) -> list[Any]:
    return [
        rows("sweet-left")
        .mark_text(align="right", dx=-8, dy=8, fontSize=13, fontWeight=600, clip=True)
        .encode(x=x, y=y, text="t:N", color=COLOUR),
        rows("sweet-right")
        .mark_text(align="left", dx=8, dy=8, fontSize=13, fontWeight=600, clip=True)
        .encode(x=x, y=y, text="t:N", color=COLOUR),
        end_labels(),
    ]


def _to_hear(x: alt.X) -> Any:
    """Above what follows the mouse, which else takes the click; as wide as a finger, not as the triangle."""
    pick = alt.selection_point(name=PICK, fields=["t"], on="click", toggle="true", clear=False, empty=False)
    return (
        rows("preview")
        .mark_point(size=500, filled=True, opacity=0, yOffset=-9, cursor="pointer", clip=True)
        .encode(x=x, y=alt.value("height"), tooltip=alt.value("click to hear it"))
        .properties(name=HEAR)
        .add_params(pick)
    )


def overlay_chart(x_title: str, y_title: str, log: bool = False, height: int = 368, whole: bool = True) -> Spec:
    """One line a run over what its raw values reach, its name at its end; hovered points tell their run."""
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(x_title, whole))
    y = alt.Y("y:Q", scale=scale("y", log), axis=y_axis(y_title))
    end = alt.X(value="width")
    layers = [
        frame(x, y).add_params(zoom()),
        rows("band").mark_area(opacity=0.15, clip=True).encode(x=x, y=y, y2="y2:Q", color=COLOUR),
        rows("line").mark_line(strokeWidth=2.25, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("dashed").mark_line(strokeWidth=2.25, strokeDash=[7, 3], clip=True).encode(x=x, y=y, color=COLOUR),
        rows("dot").mark_point(size=50, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("end")
        .mark_point(size=60, filled=True, opacity=1, xOffset=10, clip=False)
        .encode(x=end, y=y, color=COLOUR),
        rows("label")
        .mark_text(align="left", dx=20, fontSize=13, clip=False)
        .encode(x=end, y=y, text="t:N", color=COLOUR),
        *crosshair(x, y),
    ]
    return finished(alt.layer(*layers), height, {"top": 4, "right": 4, "bottom": 4, "left": 4})


def small_chart(x_title: str | None = None, log: bool = False, whole: bool = True) -> Spec:
    """A line, maybe over its band, over a pale area in its own scale, with a validation line of points beside it."""
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(x_title, whole))
    y = alt.Y("y:Q", scale=scale("y", log), axis=y_axis())
    layers = [
        frame(x, y).add_params(zoom()),
        rows("area").mark_area(opacity=0.16, clip=True).encode(x=x, y=y, y2="y2:Q", color=COLOUR),
        rows("band").mark_area(opacity=0.18, clip=True).encode(x=x, y=y, y2="y2:Q", color=COLOUR),
        rows("bar").mark_rect(opacity=0.85, clip=True).encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=COLOUR),
        rows("line").mark_line(strokeWidth=2, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("other").mark_line(strokeWidth=1.75, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("dot").mark_point(size=16, filled=True, opacity=1, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("limit").mark_rule(strokeWidth=1.5, strokeDash=[6, 4], clip=True).encode(y=y, color=COLOUR),
        rows("inside")
        .mark_text(align="right", baseline="bottom", dx=-6, dy=-6, fontSize=11.5, clip=False)
        .encode(x=alt.value("width"), y=alt.value("height"), text="t:N", color=COLOUR),
        *crosshair(x, y),
    ]
    return finished(alt.layer(*layers), 150, {"top": 10, "right": 12, "bottom": 4, "left": 4})


def strip_chart() -> Spec:
    """The whole run as one bar: what is left, what is done, the sweet range, what lies beyond, a dot per preview."""
    x = alt.X("x:Q", scale=alt.Scale(nice=False, zero=False, domain=[0, 1]), axis=None)
    top, bottom = alt.value(20), alt.value(28)
    layers = [
        rows(kind).mark_rect(cornerRadius=4, opacity=1).encode(x=x, x2="x2:Q", y=top, y2=bottom, color=COLOUR)
        for kind in ("left", "past", "done", "square")
    ]
    layers += [
        rows("range").mark_rect(opacity=1).encode(x=x, x2="x2:Q", y=top, y2=bottom, color=COLOUR),
        rows("dot").mark_point(size=9, filled=True, opacity=1).encode(x=x, y=alt.value(24), color=COLOUR),
        rows("tick").mark_rule(strokeWidth=2).encode(x=x, y=alt.value(16), y2=alt.value(30), color=COLOUR),
        # As much of a label lies left of its tick as of the bar does, so that it fits on a phone wherever the tick is.
        rows("label")
        .mark_text(fontSize=12, fontWeight=600, baseline="bottom", dy=14, align="left", dx=alt.expr(_ASIDE))
        .encode(x=x, y=alt.value(0), text="t:N", color=COLOUR),
    ]
    return finished(alt.layer(*layers), 30, {"top": 0, "right": 1, "bottom": 0, "left": 1})


def length_dots() -> Spec:
    """One dot a sound by its length: filled learns, ring checks."""
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(whole=False))
    y = alt.Y("y:Q", scale=scale("y"), axis=None)
    tip = alt.Tooltip("t:N")
    layers = [
        rows("frame").mark_point(opacity=0).encode(x=x, y=y),
        rows("learn").mark_point(size=90, filled=True, opacity=1).encode(x=x, y=y, color=COLOUR, tooltip=tip),
        rows("check")
        .mark_point(size=74, filled=False, strokeWidth=2.2, opacity=1)
        .encode(x=x, y=y, color=COLOUR, tooltip=tip),
    ]
    return finished(alt.layer(*layers), 130, {"top": 4, "right": 12, "bottom": 4, "left": 12})


def length_histogram() -> Spec:
    """The same for many sounds: bars of how many, those that check stacked on those that learn."""
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(whole=False))
    y = alt.Y("y:Q", scale=scale("y"), axis=y_axis())
    layers = [
        rows("frame").mark_point(opacity=0).encode(x=x, y=y),
        rows("bar").mark_rect(opacity=0.9).encode(x=x, x2="x2:Q", y=y, y2="y2:Q", color=COLOUR),
    ]
    return finished(alt.layer(*layers), 130, {"top": 4, "right": 12, "bottom": 4, "left": 4})


def map_chart(x_title: str, y_title: str, height: int = 440) -> Spec:
    """The collection on a plane, every place of which can be clicked: filled learns, ring checks, target: heard now.

    An unseen tile under every place (and one round each file, above those) is what a click selects: Vega's own
    selections of points know only marks.
    """
    x = alt.X("x:Q", scale=scale("x"), axis=x_axis(x_title, whole=False))
    y = alt.Y("y:Q", scale=scale("y"), axis=y_axis(y_title))
    pick = alt.selection_point(name=PICK, fields=["x", "x2", "y", "y2", "t"], on="click", toggle=False, clear=False)
    name = alt.Tooltip("t:N", title="sound")
    hit = {"condition": {"test": "datum.t === ''", "value": None}, "field": "t", "type": "nominal"}
    layers = [
        frame(x, y),
        rows("learn").mark_point(size=90, filled=True, opacity=0.85, clip=True).encode(x=x, y=y, color=COLOUR),
        rows("check")
        .mark_point(size=74, filled=False, strokeWidth=2.2, opacity=1, clip=True)
        .encode(x=x, y=y, color=COLOUR, tooltip=name),
        # Whole at the edge, too, where a place lies outside.
        rows("here").mark_point(size=420, filled=False, strokeWidth=2.2, clip=False).encode(x=x, y=y, color=COLOUR),
        rows("here").mark_point(size=36, filled=True, opacity=1, clip=False).encode(x=x, y=y, color=COLOUR),
        rows("tile")
        .mark_rect(opacity=0, cursor="crosshair", clip=True)
        .encode(x=x, x2="x2:Q", y=y, y2="y2:Q")
        .add_params(pick),
    ]
    spec = finished(alt.layer(*layers), height, {"top": 10, "right": 8, "bottom": 4, "left": 4})
    spec["layer"][-1]["encoding"]["tooltip"] = hit
    return spec


STRIP = strip_chart()
BARS = small_chart()
DOTS = length_dots()
HISTOGRAM = length_histogram()
