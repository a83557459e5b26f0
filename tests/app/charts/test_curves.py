"""The rows of the main chart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from app.charts.main_curve import Measured, Sight, main_rows
from app.charts.marks import Mark, turns
from app.charts.progress_bar import strip_rows
from app.charts.settings import ChartSettings
from app.charts.small_curves import loss_rows
from app.charts.x_axis import Window, XAxis
from app.runs.store import MetricsStore
from engine.claims.sweet import SweetSpot
from engine.rundir.protocol import PlanRecord
from engine.rundir.record import Monitor

USUAL = ChartSettings()
BEST = SweetSpot(5, "best so far")
BEHIND = SweetSpot(3, "sweet spot", band=(2, 4), beyond=4)


def recorded(path: Path, epochs: int = 5, steps: int = 10) -> MetricsStore:
    """``epochs`` of ``steps`` updates, an update a second, and 60 s for each check at an epoch's end."""
    events: list[dict[str, object]] = []
    for epoch in range(1, epochs + 1):
        for step in range(steps * (epoch - 1) + 1, steps * epoch + 1):
            at = {"step": step, "elapsed_s": float(step + 60 * (epoch - 1))}
            events.append({"event": "step", "train_loss": 1 / step, **at})
        own = {"val": 10.0 - epoch, "own": 9.0 - epoch, "se": 0.5}
        events.append({"event": "epoch", "epoch": epoch, "step": steps * epoch, "elapsed_s": 70.0 * epoch} | own)
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    store = MetricsStore(path)
    store.refresh()
    return store


def chart(
    path: Path,
    standard_error: str | None = None,
    baseline: float = 12.0,
    sweet: SweetSpot = BEST,
    settings: ChartSettings = USUAL,
    window: Window | None = None,
    marks: Sequence[Mark] = (Mark("preview", 20, "preview"),),
) -> pa.Table:
    store = recorded(path)
    at = XAxis(store.steps, store.epochs, settings.axis, 10)
    monitor = Monitor(metric="val", reference="own", unit="dB", baseline=baseline)
    run = Measured(store.epochs, monitor, ("new", "own", "average"), sweet, marks, standard_error, 6)
    return main_rows(run, Sight(at, settings, window))


def of(table: pa.Table, kind: str, column: str = "x") -> list[Any]:
    return [row[column] for row in table.to_pylist() if row["k"] == kind]


@pytest.mark.parametrize("asked", [True, False])
def test_the_error_of_few_files_is_a_band_around_the_curve(tmp_path: Path, asked: bool) -> None:
    table = chart(tmp_path / "metrics.jsonl", "se" if asked else None).to_pylist()
    spread = [(row["x"], row["y"], row["y2"]) for row in table if "spread" in row.values()]
    by = 0.5 * 2.571  # the 95 % interval of a mean over six, by Student's t
    expected = [(x, pytest.approx(10 - x - by), pytest.approx(10 - x + by)) for x in range(1, 6)]
    assert spread == (expected if asked else [])


def test_an_unknown_error_draws_nothing(tmp_path: Path) -> None:
    assert not [row for row in chart(tmp_path / "metrics.jsonl", "missing").to_pylist() if "spread" in row.values()]


def test_the_marks_of_the_previews_lie_below_the_curves(tmp_path: Path) -> None:
    table = chart(tmp_path / "metrics.jsonl").to_pylist()
    low, high = sorted(row["y"] for row in table if row["k"] == "frame")
    lowest = min(row["y"] for row in table if row["k"] in ("val", "train"))
    assert lowest - low >= 0.06 * (high - low)


@pytest.mark.parametrize("baseline", [10.0, 11.7, 12.0, 12.4, 13.0])
def test_the_name_of_the_sweet_spot_meets_no_level_line(tmp_path: Path, baseline: float) -> None:
    table = chart(tmp_path / "metrics.jsonl", baseline=baseline).to_pylist()
    low, high = sorted(row["y"] for row in table if row["k"] == "frame")
    pixel = (high - low) / 368
    label = next(row["y"] for row in table if row["k"] == "sweet-left") - 8 * pixel  # where its middle is drawn
    assert abs(label - baseline) > 10 * pixel


def spans(table: pa.Table, kind: str) -> list[tuple[float, float]]:
    return [(row["x"], row["x2"]) for row in table.to_pylist() if row["k"] == kind]


def test_the_chart_shows_the_range_and_only_on_evidence_what_lies_beyond(tmp_path: Path) -> None:
    behind = chart(tmp_path / "behind.jsonl", sweet=BEHIND)
    assert spans(behind, "range") == [(2.0, 4.0)] and spans(behind, "beyond") == [(4.0, 5.0)]
    within = chart(tmp_path / "within.jsonl", sweet=SweetSpot(3, "best so far", band=(2, 5)))
    assert spans(within, "range") == [(2.0, 5.0)] and not spans(within, "beyond")
    unsure = chart(tmp_path / "unsure.jsonl", sweet=SweetSpot(3, "best so far"))
    assert not spans(unsure, "range") and not spans(unsure, "beyond")


def test_the_strip_turns_orange_only_past_the_range() -> None:
    def rows(spot: SweetSpot) -> pa.Table:
        return strip_rows(0.5, spot, lambda epoch: epoch / 10, previews=[])

    assert spans(rows(BEHIND), "range") == [pytest.approx((0.2, 0.4))]
    assert spans(rows(BEHIND), "done")[0] == pytest.approx((0.0, 0.4))
    assert spans(rows(BEHIND), "past") == [(0.0, 0.5)]
    assert not spans(rows(SweetSpot(3, "best so far", band=(2, 5))), "past")
    assert not spans(rows(SweetSpot(3, "best so far")), "past"), "worse since, and nobody knows whether by chance"


@pytest.mark.parametrize(
    ("axis", "places"),
    [("epoch", [1, 2, 3, 4, 5]), ("step", [10, 20, 30, 40, 50]), ("time", [70 / 60 * n for n in range(1, 6)])],
)
def test_curves_sweet_spot_and_range_move_with_the_axis(tmp_path: Path, axis: str, places: list[float]) -> None:
    table = chart(tmp_path / "metrics.jsonl", sweet=BEHIND, settings=ChartSettings(axis))
    assert of(table, "val") == pytest.approx(places)
    assert of(table, "best") == of(table, "sweet") == pytest.approx([places[2]])
    assert spans(table, "range") == [pytest.approx((places[1], places[3]))]
    assert spans(table, "beyond") == [pytest.approx((places[3], places[4]))]
    low, high = of(table, "frame")
    assert low < places[0] and high > places[-1]


def test_steps_and_epochs_share_every_axis(tmp_path: Path) -> None:
    store = recorded(tmp_path / "metrics.jsonl")
    for axis, first, last in (("epoch", 0.1, 5.0), ("step", 1.0, 50.0), ("time", 1 / 60, 290 / 60)):
        at = XAxis(store.steps, store.epochs, axis)
        table = loss_rows(store.steps, store.epochs, "train_loss", "val", at=at, settings=ChartSettings(axis))
        assert of(table, "frame") == pytest.approx([first, last])
        assert of(table, "other") == pytest.approx(list(at.epochs))


def test_before_its_first_end_an_epoch_is_as_long_as_planned(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(json.dumps({"event": "step", "step": n, "train_loss": 1.0}) + "\n" for n in range(1, 6)))
    store = MetricsStore(path)
    store.refresh()
    at = XAxis(store.steps, store.epochs, "epoch", epoch_steps=10)
    table = loss_rows(store.steps, store.epochs, "train_loss", None, at=at, settings=ChartSettings())
    assert of(table, "line") == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])


@pytest.mark.parametrize("axis", ["epoch", "step", "time"])
def test_a_zoom_takes_in_the_steps_within_it_and_a_neighbour_each_side(tmp_path: Path, axis: str) -> None:
    store = recorded(tmp_path / "metrics.jsonl")
    at = XAxis(store.steps, store.epochs, axis)
    low, high = at.of_steps(np.array([21.0, 29.0]))
    assert at.steps_within((float(low), float(high))) == (20, 30)
    assert at.steps_within((-5.0, 1e6)) == at.steps_within(None) == (1, 50)


def test_zoomed_the_axis_fits_the_curves_alone_and_unzoomed_the_baseline_as_well(tmp_path: Path) -> None:
    whole = chart(tmp_path / "whole.jsonl", baseline=30.0)
    assert max(of(whole, "frame", "y")) >= 30 and of(whole, "base")
    part = chart(tmp_path / "part.jsonl", baseline=30.0, window=(4.0, 5.0))
    low, high = sorted(of(part, "frame", "y"))
    assert 3 <= low <= 4 and 6 <= high <= 7.5, "the curves are between 4 and 6 there"
    assert not of(part, "base") and not [text for text in of(part, "label", "t") if "average" in text]
    assert of(part, "frame") == of(whole, "frame"), "the whole run stays within reach"


def test_a_logarithmic_axis_keeps_all_in_its_place_and_curves_below_zero_stay_linear(tmp_path: Path) -> None:
    table = chart(tmp_path / "metrics.jsonl", settings=ChartSettings(log=True))
    low, high = sorted(of(table, "frame", "y"))
    assert 0 < low < 4 and 12 < high < 14
    assert all(low <= y <= high for kind in ("val", "train", "label", "sweet-left") for y in of(table, kind, "y"))
    assert not ChartSettings(log=True).fitting(np.array([1.0, -0.1])).log
    assert ChartSettings(log=True).fitting(np.array([0.0, np.nan, 2.0])).log


def test_smoothing_leaves_the_raw_values_behind_both_curves(tmp_path: Path) -> None:
    assert not of(chart(tmp_path / "plain.jsonl", "se"), "band")
    table = chart(tmp_path / "smooth.jsonl", "se", settings=ChartSettings(smoothing="5"))
    assert set(of(table, "band", "s")) == {"val", "train"} and not of(table, "spread")
    assert of(table, "val", "y")[0] == pytest.approx(8.0), "the mean of the first three, 9, 8 and 7"


def test_what_happened_is_marked_named_and_told_under_the_mouse(tmp_path: Path) -> None:
    marks = [
        Mark("preview", 20, "preview"), Mark("checkpoint", 20, "checkpoint"), Mark("checkpoint", 25, "checkpoint"),
        Mark("resumed", 30, "resumed after update 30"), Mark("planned", 30, "planned anew: extended by 3 epochs"),
    ]  # fmt: skip
    table = chart(tmp_path / "metrics.jsonl", marks=marks)
    assert of(table, "preview") == [2] and of(table, "checkpoint") == [2, 2.5]
    assert of(table, "resumed") == of(table, "planned") == [3]
    assert of(table, "legend", "t") == ["▲ preview\u2003● checkpoint\u2003↻ resumed\u2003◆ planned anew"]
    told = dict(zip(of(table, "hover"), of(table, "hover", "t"), strict=True))
    assert told[1] == "epoch 1\nnew 9.0 dB\nown 8.0 dB"
    assert told[2].startswith("epoch 2\nnew 8.0 dB\nown 7.0 dB\npreview\ncheckpoint")
    assert told[3].endswith("\nresumed after update 30\nplanned anew: extended by 3 epochs")
    plain = chart(tmp_path / "plain.jsonl", marks=marks[:1])
    assert of(plain, "legend", "t") == ["▲ preview"], "only what there is"


def test_marks_beyond_forty_come_with_the_zoom(tmp_path: Path) -> None:
    marks = [Mark("checkpoint", step, "checkpoint") for step in range(1, 51)]
    at = chart(tmp_path / "whole.jsonl", marks=marks, settings=ChartSettings("step"))
    assert 20 <= len(of(at, "checkpoint")) <= 40
    zoomed = chart(tmp_path / "part.jsonl", marks=marks, settings=ChartSettings("step"), window=(20, 30))
    assert of(zoomed, "checkpoint") == list(range(20, 31))


def test_of_many_marks_the_last_is_among_those_that_are_seen(tmp_path: Path) -> None:
    marks = [Mark("planned", step, "planned anew") for step in range(10, 45)]
    seen = of(chart(tmp_path / "all.jsonl", marks=marks, settings=ChartSettings("step")), "planned")
    assert (seen[0], seen[-1]) == (10, 44) and len(seen) == 20


def test_of_many_plans_those_are_marked_that_moved_the_end_or_were_asked_for() -> None:
    def plan(step: int, total: int, extends: bool = False) -> PlanRecord:
        return PlanRecord(
            step=step, total_steps=total, progress=0.1, epoch=1, epoch_ends=total, steps_per_epoch=total,
            total_epochs=1, reason="", extends=extends, steps_per_s=1, at=0, elapsed_s=0, session="",
        )  # fmt: skip

    small = [plan(step, 400 + (-1) ** step * step) for step in range(1, 36)]
    assert turns(small, 400) == [], "small corrections draw no fence"
    drifting = [plan(step, 400 + 5 * step) for step in range(1, 21)]
    assert [one.total_steps for one in turns(drifting, 400)] == [445, 490], "but what they come to is seen"
    assert turns([plan(5, 300), plan(9, 305, extends=True)], 400) == [plan(5, 300), plan(9, 305, extends=True)]


def test_what_is_heard_is_marked_where_it_was_made(tmp_path: Path) -> None:
    store = recorded(tmp_path / "metrics.jsonl")
    monitor = Monitor(metric="val", reference="own", unit="dB", baseline=12.0)

    def heard(step: int | None, axis: str = "epoch", window: Window | None = None) -> list[float]:
        settings = ChartSettings(axis=axis)
        run = Measured(store.epochs, monitor, ("new", "own", "average"), chosen=step)
        sight = Sight(XAxis(store.steps, store.epochs, axis, 10), settings, window)
        return of(main_rows(run, sight), "chosen")

    assert heard(20) == [2.0] and heard(25) == [2.5] and heard(20, "step") == [20.0]
    assert heard(None) == [] == heard(20, window=(3.0, 4.0))
