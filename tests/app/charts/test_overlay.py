"""Several runs' curves over one another: where they stand, what the axis fits, how they are told apart."""

from __future__ import annotations

import math
import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from app.charts.overlay import LONGEST_NAME, Line, curve, mean, overlay_rows, relative, told_apart
from app.charts.parts import RUNS
from app.runs.store import MetricsStore
from engine.rundir.layout import Layout
from engine.rundir.status import State
from tests.app.library import write
from tests.conftest import ROOT

X = np.arange(1.0, 101.0)


def of(table: pa.Table, kind: str, column: str = "y", role: str | None = None) -> np.ndarray:
    rows = [row for row in table.to_pylist() if row["k"] == kind and role in (None, row["s"])]
    return np.array([math.nan if row[column] is None else row[column] for row in rows])


def lines(*curves: np.ndarray) -> list[Line]:
    return [Line(RUNS[place], f"run {place}", X[: len(y)], y) for place, y in enumerate(curves)]


@pytest.fixture
def store(tmp_path: Path) -> MetricsStore:
    write(tmp_path / "run", epochs=8, done=8, state=State.COMPLETED)
    found = MetricsStore(Layout(tmp_path / "run").metrics)
    found.refresh()
    return found


def test_a_metric_of_epochs_and_one_of_steps_share_each_axis(store: MetricsStore) -> None:
    assert list(curve(store, "val_recon_db", "epoch")[0]) == list(range(1, 9))
    assert list(curve(store, "val_recon_db", "step")[0]) == list(range(10, 90, 10))
    by_step = curve(store, "train_loss", "epoch")[0]
    assert len(by_step) == 80 and by_step[[0, 9, 79]] == pytest.approx([0.1, 1.0, 8.0])
    for metric in ("val_recon_db", "train_loss"):
        minutes, values = curve(store, metric, "time")
        assert len(minutes) == len(values) > 0 and (np.diff(minutes) > 0).all()
    assert len(curve(store, "no such metric", "step")[0]) == 0


def test_an_error_against_the_baseline_is_a_part_of_it_and_a_score_by_what_it_lacks() -> None:
    assert relative(np.array([7.0, 14.0]), 14.0, "lower") == pytest.approx([0.5, 1.0])
    assert relative(np.array([0.9, 0.6]), 0.6, "higher") == pytest.approx([0.25, 1.0])


def test_the_axis_fits_what_is_in_sight() -> None:
    table = overlay_rows(lines(np.linspace(100, 1, 100), np.full(50, 40.0)), window=(90, 100))
    assert list(of(table, "frame", "x")) == [1, 100], "the whole run stays within reach"
    low, high = of(table, "frame")
    assert 0 <= low <= 1 and 10 <= high < 20


def test_smoothing_leaves_the_raw_values_behind_the_line() -> None:
    noise = np.where(np.arange(100) % 2, 1.0, 3.0)
    assert not len(of(overlay_rows(lines(noise)), "band"))
    table = overlay_rows(lines(noise), smoothing=17)
    assert np.ptp(of(table, "line")[20:80]) < 0.2
    assert (of(table, "band")[20:80] == 1).all() and (of(table, "band", "y2")[20:80] == 3).all()


def test_a_logarithmic_axis_has_no_place_for_zero() -> None:
    table = overlay_rows(lines(np.concatenate(([0.0, -1.0], np.geomspace(100, 0.01, 98)))), log=True)
    low, high = of(table, "frame")
    assert 0 < low < 0.01 and 100 < high < 200
    assert np.isfinite(of(table, "end")).all()


def test_a_run_that_diverges_does_not_flatten_the_others() -> None:
    wild = np.concatenate((np.linspace(9, 5, 90), np.geomspace(10, 1e30, 10)))
    assert of(overlay_rows(lines(np.linspace(9, 4, 100), wild)), "frame")[1] < 40


def test_curves_that_have_no_value_are_left_out() -> None:
    table = overlay_rows(lines(np.full(5, math.nan), np.array([3.0])))
    assert list(of(table, "dot")) == [3.0] and len(of(table, "label")) == 1
    assert overlay_rows([]).num_rows == 2


def test_ten_long_runs_are_a_small_table() -> None:
    long = np.arange(1.0, 100_001.0)
    ten = [Line(role, "a name that is far too long for the end", long, np.sqrt(long)) for role in RUNS]
    table = overlay_rows(ten)
    assert table.num_rows < 15_000
    assert len(of(table, "dashed")) and {len(text) for text in table["t"].to_pylist() if "…" in text} == {18}


# Machado, Oliveira, Fernandes 2009, table of complete deficiencies; Ottosson 2020 (Oklab).
SEEN_AS = {
    "all": np.eye(3),
    "no red": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                        [-0.003882, -0.048116, 1.051998]]),
    "no green": np.array([[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                          [-0.011820, 0.042940, 0.968881]]),
    "no blue": np.array([[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                         [0.004733, 0.691367, 0.303900]]),
}  # fmt: skip
CONES = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                  [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
OKLAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                  [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def linear(colour: str) -> np.ndarray:
    parts = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_colours_of_runs_are_told_apart_by_everybody(theme: str) -> None:
    config = tomllib.loads((ROOT / "app" / ".streamlit" / "config.toml").read_text())["theme"][theme]
    colours = config["chartCategoricalColors"][-len(RUNS) :]
    ground = luminance(config["backgroundColor"])
    for colour in colours:
        light, dark = sorted((luminance(colour), ground), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 3, colour
    for sight, matrix in SEEN_AS.items():
        seen = {one: OKLAB @ np.cbrt(CONES @ np.clip(matrix @ linear(one), 0, 1)) for one in colours}
        for pair in combinations(colours, 2):
            assert np.linalg.norm(seen[pair[0]] - seen[pair[1]]) > 0.05, (sight, pair)


def test_a_mean_over_seeds_stands_where_all_of_them_are_in_a_band_of_their_scatter_seen_whole() -> None:
    longer = Line("a", "seed 0", X, np.full(100, 2.0))
    shorter = Line("b", "seed 1", X[:60], np.full(60, 4.0))
    found = mean(RUNS[0], "both", [longer, shorter])
    assert (found.x[0], found.x[-1]) == (1.0, 60.0) and set(found.y) == {3.0}
    assert found.spread is not None and np.allclose(found.spread, math.sqrt(2))
    table = overlay_rows([found])
    assert np.allclose(of(table, "band", "y"), 3 - math.sqrt(2)) and np.allclose(of(table, "band", "y2"), 4.4142136)
    frame = of(table, "frame")
    assert frame.min() < 3 - math.sqrt(2) and frame.max() > 4.4142
    alone = mean(RUNS[1], "alone", [longer])
    assert alone.spread is None and alone.name == "alone"


def test_a_mean_of_curves_that_share_no_place_is_empty() -> None:
    early = Line("a", "on a GPU", X[:10], np.full(10, 2.0))
    late = Line("b", "on a CPU", X[50:], np.full(50, 4.0))
    assert len(mean(RUNS[0], "both", [early, late]).x) == 0


def test_names_that_are_too_long_stay_apart() -> None:
    sweep = [f"Geräusche für Übung {preset} seed {seed}" for preset in ("balanced", "conservative") for seed in (0, 1)]
    assert told_apart(sweep) == ["…balanced seed 0", "…balanced seed 1", "…conserva…e seed 0", "…conserva…e seed 1"]
    assert told_apart(["drums", "voices"]) == ["drums", "voices"]
    long = ["one very long name of a run", "one very long name of a run again"]
    assert len(set(told_apart(long))) == 2 and all(len(name) <= LONGEST_NAME for name in told_apart(long))
    assert told_apart(["a name that is far too long"]) == ["a name th…too long"]
