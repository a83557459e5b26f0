"""Metrics as columns: whole lines only, the last record of a step wins, nothing is read twice."""

from __future__ import annotations

import json
import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from app.charts.table import MAX_POINTS, thin
from app.runs import columns
from app.runs.columns import MOST_CELLS, Columns, band
from app.runs.jsonl import parse
from app.runs.store import BLOCK, KEPT_EVENTS, MetricsStore


def line(**fields: object) -> str:
    return json.dumps({"event": "step", **fields}, separators=(",", ":")) + "\n"


def test_numbers_that_are_not_finite_survive(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        line(step=1, train_loss="NaN") + line(step=2, train_loss="Infinity") + line(step=3, train_loss="-Infinity")
    )
    store = MetricsStore(path)
    store.refresh()
    values = store.steps.get("train_loss")
    assert math.isnan(values[0]) and values[1] == math.inf and values[2] == -math.inf


def test_a_line_under_way_waits_for_its_end(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(step=1, train_loss=1.0) + '{"event":"step","ste')
    store = MetricsStore(path)
    store.refresh()
    assert store.steps.count == 1
    with path.open("a") as file:
        file.write('p":2,"train_loss":0.5}\n')
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [1.0, 0.5]


def test_a_damaged_line_longer_than_a_block_hides_none_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    hole = "\0" * (BLOCK + 1)  # what a power cut may leave
    path.write_text(line(step=1, train_loss=1.0) + hole + "\n" + line(step=2, train_loss=0.5))
    store = MetricsStore(path)
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [1.0, 0.5]
    assert store.damaged == 1


def test_the_last_record_of_a_step_wins_and_stale_ones_wait(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line(step=step, train_loss=float(step)) for step in range(1, 11)))
    store = MetricsStore(path)
    store.refresh()
    with path.open("a") as file:
        file.write("".join(line(step=step, train_loss=100.0 + step) for step in range(5, 8)))
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [1, 2, 3, 4, 105, 106, 107]
    with path.open("a") as file:
        file.write("".join(line(step=step, train_loss=100.0 + step) for step in range(8, 11)))
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [1, 2, 3, 4, 105, 106, 107, 108, 109, 110]


def test_a_damaged_line_costs_itself_alone(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        line(step=1, train_loss=1.0) + '{"event":"step","step":garbage}\n\x00\x00\n' + line(step=2, train_loss=2.0)
    )
    store = MetricsStore(path)
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [1.0, 2.0]
    assert store.damaged == 2


def test_a_step_beyond_reason_claims_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(step=1, train_loss=1.0) + line(step=10**15, train_loss=2.0))
    store = MetricsStore(path)
    store.refresh()
    assert store.steps.count == 1


def test_a_replaced_file_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line(step=step, train_loss=1.0) for step in range(1, 6)))
    store = MetricsStore(path)
    store.refresh()
    other = tmp_path / "other"
    other.write_text(line(step=1, train_loss=7.0))
    other.replace(path)
    store.refresh()
    assert store.steps.get("train_loss").tolist() == [7.0]


def test_nothing_is_computed_twice_until_something_was_added(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(step=1, train_loss=1.0))
    store = MetricsStore(path)
    calls: list[int] = []
    for _ in range(3):
        store.refresh()
        store.cached("key", lambda: calls.append(1))
    assert len(calls) == 1
    with path.open("a") as file:
        file.write(line(step=2, train_loss=1.0))
    store.refresh()
    store.cached("key", lambda: calls.append(1))
    assert len(calls) == 2


def test_a_column_that_appears_late_is_there(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(line(step=1, train_loss=1.0) + line(step=2, train_loss=1.0, extra=3.5))
    store = MetricsStore(path)
    store.refresh()
    extra = store.steps.get("extra")
    assert math.isnan(extra[0]) and extra[1] == 3.5


def test_what_a_killed_process_said_does_not_come_back_with_rows_that_say_less(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line(step=step, train_loss=1.0, extra=step) for step in range(1, 11)))
    store = MetricsStore(path)
    store.refresh()
    for again in ((5,), range(6, 11)):
        with path.open("a") as file:
            file.writelines(line(step=step, train_loss=2.0) for step in again)
        store.refresh()
    extra = store.steps.get("extra")
    assert extra[:4].tolist() == [1, 2, 3, 4] and np.isnan(extra[4:]).all() and len(extra) == 10


def test_a_spike_survives_thinning_and_old_points_do_not_move() -> None:
    values = np.ones(100_000)
    values[54_321] = 50.0
    thin = band(values, 1, len(values))
    assert np.nanmax(thin.high) == 50.0
    assert len(thin.x) <= 1_000
    columns = Columns()
    columns.put(np.arange(1, 100_001), {"loss": values})
    columns.put(np.arange(100_001, 100_011), {"loss": np.ones(10)})
    longer = band(columns.get("loss"), 1, columns.count)
    shared = min(len(thin.x), len(longer.x)) - 1
    assert np.array_equal(thin.x[:shared], longer.x[:shared])
    assert np.array_equal(thin.line[:shared], longer.line[:shared])


def test_a_diverged_curve_breaks_and_the_rest_stays() -> None:
    values = np.concatenate((np.ones(50), [np.nan, np.inf]))
    thin = band(values, 1, len(values))
    assert np.isfinite(thin.line[:50]).all() and not np.isfinite(thin.line[50:]).any()


def test_a_long_line_keeps_its_spike_and_its_old_points_where_they_are() -> None:
    values = np.sin(np.arange(901_000) / 5_000)
    values[543_210] = 9.0
    values[10_000:20_000] = np.nan
    x = np.arange(1.0, 901_001)
    before_x, before_y = thin(x[:900_000], values[:900_000])
    after_x, after_y = thin(x, values)
    assert len(after_x) <= MAX_POINTS and np.nanmax(after_y) == 9.0 and np.isnan(after_y).any()
    assert np.array_equal(before_x[:-2], after_x[: len(before_x) - 2])
    assert np.array_equal(before_y[:-2], after_y[: len(before_y) - 2], equal_nan=True)


@pytest.mark.parametrize("count", [3_000, 3_001, 5_119, 5_121, 300_000])
def test_the_least_and_the_largest_of_each_bucket_are_drawn(count: int) -> None:
    values = np.random.default_rng(count).standard_normal(count)
    values[np.random.default_rng(1).random(count) < 0.3] = np.nan
    drawn = set(thin(np.arange(count, dtype=float), values)[0].astype(int))
    size = next(1 << power for power in range(20) if count / (1 << power) <= MAX_POINTS / 2)
    for start in range(0, count, size):
        part = values[start : start + size]
        if not np.isnan(part).all():
            assert {start + int(np.nanargmin(part)), start + int(np.nanargmax(part))} <= drawn


def test_of_more_warnings_than_are_kept_the_latest_are(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    many = [{"event": "preview", "elapsed_s": 0.0}] * KEPT_EVENTS
    warnings = [{"event": "warning", "elapsed_s": float(at), "message": str(at)} for at in range(KEPT_EVENTS + 1)]
    path.write_text("".join(json.dumps(one) + "\n" for one in many + warnings))
    store = MetricsStore(path)
    store.refresh()
    assert len(store.warnings) == KEPT_EVENTS and store.warnings[-1]["message"] == str(KEPT_EVENTS)


def test_names_of_one_line_claim_no_memory_for_each_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    many = line(event="step", step=151_071, **{f"figure {number}": 1.0 for number in range(1_020)})
    path.write_bytes(b"\n" * (4 << 20) + many.encode())
    store = MetricsStore(path)
    tracemalloc.start()
    store.refresh()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert store.steps.count == 151_071 and store.steps.last("figure 1019") == 1.0
    assert held < 9 * MOST_CELLS, "1.3 GB"


@pytest.mark.parametrize("others", [b'{"event":"step","step":%d}\n', b'{"event":"step","step":%d,"x":"y"}\n'])
def test_names_of_one_line_claim_no_memory_while_they_are_read(others: bytes) -> None:
    many = line(event="step", step=1, **{f"figure {number}": 1.0 for number in range(1_020)})
    block = many.encode() + b"".join(others % step for step in range(2, 40_000))
    tracemalloc.start()
    found = parse(block).steps
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found["step"][-1] == 39_999 and found["figure 0"][0] == 1.0
    assert held < 150e6, "650 MB"


def test_of_many_columns_fewer_rows_are_kept_and_the_steps_stay_in_their_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(columns, "MOST_CELLS", 4_000)
    place = Columns()
    index = np.arange(1, 4_001)
    place.put(index, {"x": index.astype(float)})
    assert place.stride == 1
    place.put(index[-1:], {"x": index[-1:].astype(float), "y": np.ones(1), "z": np.ones(1)})
    assert place.stride == 4 and place.rows * 3 <= 4_000
    assert np.array_equal(place.get("x"), place.index()) and place.last("z") == 1


def test_of_more_measurements_than_are_kept_every_so_many_are(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(line(event="memory", elapsed_s=5.0 * number) for number in range(5 * KEPT_EVENTS)))
    store = MetricsStore(path)
    store.refresh()
    times = [row["elapsed_s"] for row in store.memory]
    assert KEPT_EVENTS // 2 <= len(times) <= KEPT_EVENTS and set(np.diff(times)) == {40.0}
