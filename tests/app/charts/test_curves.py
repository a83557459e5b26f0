"""The rows of the main chart."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest

from app.charts.curves import main_rows
from app.charts.progress_bar import strip_rows
from app.charts.sweet_range import Sweet
from app.runs.store import MetricsStore

BEST = Sweet(5, "best so far")
BEHIND = Sweet(3, "sweet spot", band=(2, 4), beyond=4)


def chart(path: Path, standard_error: str | None = None, baseline: float = 12.0, sweet: Sweet = BEST) -> pa.Table:
    epochs = [
        {"event": "epoch", "epoch": epoch, "step": epoch, "val": 10.0 - epoch, "own": 9.0 - epoch, "se": 0.5}
        for epoch in range(1, 6)
    ]
    path.write_text("".join(json.dumps(epoch) + "\n" for epoch in epochs))
    store = MetricsStore(path)
    store.refresh()
    return main_rows(
        store.epochs, "val", "own", unit="dB", baseline=baseline, sweet=sweet, better="lower", previews=[2],
        names=("new", "own", "average"), standard_error=standard_error,
    )  # fmt: skip


@pytest.mark.parametrize("asked", [True, False])
def test_the_error_of_few_files_is_a_band_around_the_curve(tmp_path: Path, asked: bool) -> None:
    table = chart(tmp_path / "metrics.jsonl", "se" if asked else None).to_pylist()
    spread = [(row["x"], row["y"], row["y2"]) for row in table if "spread" in row.values()]
    assert spread == ([(x, 9.5 - x, 10.5 - x) for x in range(1, 6)] if asked else [])


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
    within = chart(tmp_path / "within.jsonl", sweet=Sweet(3, "best so far", band=(2, 5)))
    assert spans(within, "range") == [(2.0, 5.0)] and not spans(within, "beyond")
    unsure = chart(tmp_path / "unsure.jsonl", sweet=Sweet(3, "best so far"))
    assert not spans(unsure, "range") and not spans(unsure, "beyond")


def test_the_strip_turns_orange_only_past_the_range() -> None:
    def rows(spot: Sweet) -> pa.Table:
        return strip_rows(0.5, spot, lambda epoch: epoch / 10, previews=[])

    assert spans(rows(BEHIND), "range") == [(0.2, 0.4)] and spans(rows(BEHIND), "done")[0] == (0.0, 0.4)
    assert spans(rows(BEHIND), "past") == [(0.0, 0.5)]
    assert not spans(rows(Sweet(3, "best so far", band=(2, 5))), "past")
    assert not spans(rows(Sweet(3, "best so far")), "past"), "worse since, and nobody knows whether by chance"
