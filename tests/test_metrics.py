"""Curves, best, gap and what the diagnosis says of them."""

from __future__ import annotations

import json
import math

import pytest

from engine.diagnosis import diagnose_fit
from engine.metrics import (
    EpochMetrics,
    MetricsHistory,
    StepMetrics,
    better_than_baseline,
    compute_overfitting_gap,
    last_progress,
    quality,
    smooth,
)
from engine.rundir.schema import Monitor
from engine.tracker import TrackerState

MONITOR = Monitor(metric="val_recon_db", reference="train_recon_db", unit="dB", baseline_db=14.0)


def history(val: list[float], train: list[float] | None = None) -> MetricsHistory:
    kept = MetricsHistory()
    for number, value in enumerate(val, 1):
        kept.add_epoch(
            EpochMetrics(
                epoch=number,
                total_epochs=len(val),
                train_loss=1.0,
                val_loss=value,
                learning_rate=1e-3,
                val_recon_db=value,
                train_recon_db=(train or val)[number - 1],
            )
        )
    return kept


def test_the_gap_is_relative_to_training() -> None:
    assert compute_overfitting_gap(5.0, 6.0) == pytest.approx(0.2)
    assert compute_overfitting_gap(0.0, 6.0) == 0.0 and compute_overfitting_gap(5.0, math.nan) == 0.0
    assert quality(0.35) == pytest.approx(0.65) and quality(-1) == 1.0 and quality(3) == 0.0


def test_better_than_the_average_sound_is_a_fraction() -> None:
    assert better_than_baseline(9.24, 14.0) == pytest.approx(0.34)
    assert better_than_baseline(9.24, None) is None and better_than_baseline(math.nan, 14.0) is None


def test_best_is_judged_on_the_smoothed_curve() -> None:
    lucky = history([10, 9, 4, 9, 8, 7, 6.4, 6.2, 6.3])
    assert min(range(9), key=lambda place: smooth([10, 9, 4, 9, 8, 7, 6.4, 6.2, 6.3])[place]) + 1 == 9
    assert lucky.get_best_epoch() == 9, "one lucky epoch is not the sweet spot"
    assert MetricsHistory().get_best_epoch() is None


def test_an_epoch_without_a_number_is_never_the_best_and_hides_none_after_it() -> None:
    values = [math.nan, 10.0, 8.0, math.nan, 7.0, 6.0, 6.5]
    assert history(values).get_best_epoch() == 6
    found = None
    tracker = TrackerState()
    for epoch, value in enumerate(values, 1):
        tracker.judge(epoch, value, [], None)
        found = tracker.sweet_range("lower")
    assert found is not None and found.best == 6


def test_a_curve_at_rest_keeps_its_first_best() -> None:
    best = history([10.0, 8.0] + [6.0] * 60).get_best_epoch()
    assert best is not None and best < 20, "its smoothed copy falls by ever less for fifty epochs more"


def test_the_last_record_of_an_epoch_wins() -> None:
    twice = history([5.0, 4.0])
    twice.add_epoch(twice.epochs[1].model_copy(update={"val_recon_db": 7.0}))
    assert twice.column("val_recon_db") == [7.0, 4.0]


def test_overfitting_is_a_gap_above_a_fifth() -> None:
    assert not history([6.0] * 5, [5.5] * 5).is_overfitting()
    assert history([6.0] * 5, [4.0] * 5).is_overfitting()


def test_the_time_left_follows_the_pace() -> None:
    kept = MetricsHistory()
    assert kept.compute_eta(0, 100) is None
    for step in range(1, 11):
        kept.add_step(
            StepMetrics(epoch=1, step=step, total_steps=100, train_loss=1.0, learning_rate=1e-3, step_time_s=0.5)
        )
    assert kept.compute_eta(10, 100) == pytest.approx(45.0)
    assert kept.compute_eta(current=90, total=100) == pytest.approx(5.0)
    assert kept.compute_eta(101, 100) == 0


def test_a_history_survives_the_round_trip_through_json() -> None:
    kept = history([5.0, 4.0, 4.5])
    again = MetricsHistory.from_dict(json.loads(json.dumps(kept.to_dict())))
    assert again.to_dict() == kept.to_dict()
    assert again.get_loss_curves()["val_losses"] == [5.0, 4.0, 4.5]


@pytest.mark.parametrize(
    ("val", "train", "code"),
    [
        ([14.0, 13.5, 13.0], None, "too_early"),
        ([10.0, 8.0, 7.0, 6.0], None, "learning"),
        ([10.0, 8.0, 7.0, 6.0], [9.0, 6.0, 4.0, 3.0], "gap"),
        ([10.0, 7.0, 6.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5], [9.0, 6.0, 5.0, 4.5, 4.0, 3.5, 3.0, 3.0, 3.0], "memorising"),
        ([10.0, 7.0, 6.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5], None, "past"),
    ],
)
def test_the_diagnosis_says_what_the_curves_show(val: list[float], train: list[float] | None, code: str) -> None:
    assert diagnose_fit(history(val, train), MONITOR)[0].code == code


def test_memorising_names_the_epoch_and_both_errors() -> None:
    kept = history([10.0, 7.0, 6.0, 6.0, 6.5, 7.0, 7.5, 8.0, 8.5], [3.0] * 9)
    verdict = diagnose_fit(kept, MONITOR)[0]
    assert verdict.since_epoch == kept.get_best_epoch() and "dB" in verdict.message


def test_the_error_bar_of_few_files_is_said() -> None:
    kept = history([6.0, 5.0])
    kept.add_epoch(kept.epochs[2].model_copy(update={"epoch": 3, "val_recon_db": 4.0, "val_recon_se_db": 0.62}))
    monitor = MONITOR.model_copy(update={"standard_error": "val_recon_se_db"})
    assert "give or take 0.62" in diagnose_fit(kept, monitor)[0].message
    assert "give or take" not in diagnose_fit(kept, MONITOR)[0].message


CREEPING = [10.0, 8.0, 7.0] + [6.0 - 0.0002 * epoch for epoch in range(40)]


def stagnation(val: list[float]) -> list[str]:
    return [found.severity for found in diagnose_fit(history(val), MONITOR) if found.code == "stagnation"]


@pytest.mark.parametrize(
    "val", [[6.0] + [6.05] * 40, [10.0, 8.0] + [6.0] * 40, CREEPING], ids=["worse", "even", "creeping"]
)
def test_a_long_stall_warns(val: list[float]) -> None:
    assert stagnation(val) == ["warning"]


def test_a_curve_that_moves_or_has_nothing_left_to_gain_does_not_stall() -> None:
    assert not stagnation([10.0 * 0.99**epoch for epoch in range(60)])
    assert not stagnation([0.0] * 60) and not stagnation([4.0] + [0.0] * 60)
    assert not stagnation([6.0] * 20)


def test_a_score_stalls_by_what_it_lacks_to_one() -> None:
    assert last_progress([0.5, 0.9, 0.98, 0.985, 0.985], "higher") == 3, "a quarter of what was wrong is right now"
    assert last_progress([0.5, 0.9, 0.9004, 0.9008], "higher") == 1
    perfect = smooth([0.9, 0.95] + [1.0] * 50)
    assert (last_progress(perfect, "higher") or 0) < 15, "what halves for ever is at rest when little is left"
    assert last_progress([math.nan, math.nan]) is None
