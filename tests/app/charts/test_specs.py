"""What a chart's specification makes of its rows, as Vega draws them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest
import vl_convert

from app.charts import parts, specs
from app.charts.marks import picked
from app.charts.parts import Spec
from app.charts.table import Rows
from tests.sampling import later

# Made by the tests: making one costs whoever only collects them 0.1 s.
CHARTS: dict[str, Callable[[], Spec]] = {
    "main": lambda: specs.main_chart("epoch", "error"),
    "small": lambda: specs.small_chart("update"),
    "small, logarithmic": lambda: specs.small_chart("update", log=True),
    "main, logarithmic": lambda: specs.main_chart("epoch", "error", log=True),
    "overlay": lambda: specs.overlay_chart("epoch", "error"),
    "bars": specs.small_chart,
    "strip": specs.strip_chart,
    "dots": specs.length_dots,
    "histogram": specs.length_histogram,
    "map": lambda: specs.map_chart("across", "up"),
    "by time": lambda: specs.main_chart("minutes", "error", whole=False),
    "small, by time": lambda: specs.small_chart("minutes", whole=False),
    "overlay, by time": lambda: specs.overlay_chart("minutes", "error", whole=False),
}


@cache
def chart(name: str) -> Spec:
    """To read only: making one costs more than what most tests ask of it."""
    return CHARTS[name]()


def frame_only() -> pa.Table:
    rows = Rows()
    rows.add("frame", x=np.array([2.0, 12.0]), y=np.array([5.0, 25.0]))
    return rows.table()


def filled(spec: Spec, rows: pa.Table) -> Spec:
    return {**spec, "width": 400, "data": spec["data"] | {"values": rows.to_pylist()}}


@pytest.mark.parametrize("name", CHARTS)
def test_what_layers_share_is_sent_once_and_drawn_as_if_each_said_it(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = chart(name)
    monkeypatch.setattr(parts, "inherited", lambda spec: spec)
    whole = CHARTS[name]()
    assert len(json.dumps(sent)) < 0.7 * len(json.dumps(whole))
    drawn, meant = (vl_convert.vegalite_to_vega(filled(spec, frame_only())) for spec in (sent, whole))
    assert drawn == meant


@pytest.mark.parametrize("name", CHARTS)
def test_no_axis_is_gathered_from_marks_that_may_have_no_rows(name: str) -> None:
    compiled = vl_convert.vegalite_to_vega(filled(chart(name), frame_only()))
    for scale in compiled["scales"]:
        assert "fields" not in scale["domain"] and "data" not in scale["domain"], scale


def test_the_axes_end_where_the_frame_does() -> None:
    svg = vl_convert.vegalite_to_svg(filled(chart("main"), frame_only()))
    shown = [float(text) for text in re.findall(r"<text[^>]*>([\d.]+)</text>", svg)]
    assert {min(shown), max(shown)} == {2.0, 25.0}


def test_a_mark_says_which_update_was_clicked() -> None:
    assert picked({"selection": {"pick": [{"t": "2970"}]}}, "pick") == {2970}
    for state in (None, {}, {"selection": {"pick": []}}, {"selection": {"pick": [{"t": "x"}]}}):
        assert not picked(state, "pick")


@pytest.mark.parametrize("last", [*later(3, 10, 50, 100, 2000), 40_000])
@pytest.mark.parametrize("name", ["main", "small", "overlay", "dots"])
def test_an_axis_says_whole_numbers_in_full(name: str, last: int) -> None:
    rows = Rows()
    rows.add("frame", x=np.array([0.0, last]), y=np.array([0.0, 1.0]))
    svg = vl_convert.vegalite_to_svg(filled(chart(name), rows.table()))
    assert f">{last:,}</text>" in svg and not re.search(r">[\d.]+(e[+−-]?\d+|k|m)</text>", svg)


@pytest.mark.parametrize("name", ["main", "small", "overlay"])
def test_an_axis_within_the_first_epoch_has_one_0_and_nothing_beside(name: str) -> None:
    rows = Rows()
    rows.add("frame", x=np.array([0.0, 0.3]), y=np.array([5.0, 25.0]))
    svg = vl_convert.vegalite_to_svg(filled(chart(name), rows.table()))
    assert re.findall(r"<text[^>]*>(0[\d.]*)</text>", svg) == ["0"]


@pytest.mark.parametrize(
    ("last", "shown"), [(0.05, {"0", "0.01", "0.05"}), (0.9, {"0", "0.2", "0.8"}), (2.5, {"0", "0.5", "2.5"})]
)
@pytest.mark.parametrize("name", ["dots", "histogram", "map", "by time", "small, by time", "overlay, by time"])
def test_an_axis_of_lengths_or_minutes_can_be_read_below_1(name: str, last: float, shown: set[str]) -> None:
    rows = Rows()
    rows.add("frame", x=np.array([0.0, last]), y=np.array([50.0, 60.0]))
    svg = vl_convert.vegalite_to_svg(filled(chart(name), rows.table()))
    assert shown <= set(re.findall(r"<text[^>]*>(\d[\d.]*)</text>", svg))


@pytest.mark.parametrize("name", CHARTS)
def test_no_mark_is_told_to_a_screen_reader_without_a_name(name: str) -> None:
    svg = vl_convert.vegalite_to_svg(filled(chart(name), frame_only()))
    told = [tag for tag in re.findall(r"<g[^>]*>", svg) if 'role="graphics-symbol"' in tag]
    assert all("aria-label" in tag for tag in told), told
