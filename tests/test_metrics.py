"""The epochs and steps of a run: its best, its gap, its pace, and the way through JSON."""

from __future__ import annotations

import json
import math

import pytest

from engine.curves import (
    best_place,
    smooth,
)
from engine.loop.tracker import TrackerState
from engine.metrics import EpochMetrics, MetricsHistory, StepMetrics
from engine.rundir.record import Monitor

MONITOR = Monitor(metric="val_recon_db", reference="train_recon_db", unit="dB", baseline=14.0)


def history(val: list[float], train: list[float] | None = None) -> MetricsHistory:
    kept = MetricsHistory("val_recon_db", "train_recon_db")
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


def test_best_is_judged_on_the_smoothed_curve() -> None:
    lucky = history([10, 9, 4, 9, 8, 7, 6.4, 6.2, 6.3])
    assert min(range(9), key=lambda place: smooth([10, 9, 4, 9, 8, 7, 6.4, 6.2, 6.3])[place]) + 1 == 9
    assert lucky.get_best_epoch() == 9, "one lucky epoch is not the sweet spot"
    assert MetricsHistory().get_best_epoch() is None


def test_no_other_metric_stands_in_for_a_score_that_was_no_number() -> None:
    kept = MetricsHistory("val_r2", "train_r2", "higher")
    for epoch, loss in enumerate([1.0, 2.0, 5.0], 1):
        kept.add_epoch(EpochMetrics(epoch=epoch, total_epochs=3, train_loss=1.0, val_loss=loss, learning_rate=1e-3))
    assert kept.get_best_epoch() is None, "the largest loss is no highest score"


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


def test_between_equal_epochs_the_loss_decides_and_only_between_those() -> None:
    scores, losses = [0.8, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [0.9, 0.5, 0.4, 0.3, 0.2, 0.3, 0.4]
    flat = [0.9] * 7
    assert best_place(flat, "higher") == 0
    assert best_place(flat, "higher", losses) == smooth(losses).index(min(smooth(losses))) == 5
    assert best_place([0.9, 0.5, 0.4], "higher", [1.0, 0.1, 0.1]) == 0, "no loss makes up for a worse score"
    kept, tracker = MetricsHistory("val_accuracy", "train_accuracy", "higher", "val_loss"), TrackerState()
    for epoch, (score, loss) in enumerate(zip(scores, losses, strict=True), 1):
        kept.add_epoch(
            EpochMetrics.model_validate(
                {"epoch": epoch, "total_epochs": 7, "train_loss": 1.0, "val_loss": loss, "learning_rate": 1e-3,
                 "val_accuracy": score}
            )
        )  # fmt: skip
        tracker.judge(epoch, score, [], None, loss)
        found = tracker.sweet_range("higher")
        assert found is not None and found.best == kept.get_best_epoch(), "who follows and who reads agree"
    assert MetricsHistory.from_dict(kept.to_dict()).get_best_epoch() == kept.get_best_epoch()


def test_the_last_record_of_an_epoch_wins() -> None:
    twice = history([5.0, 4.0])
    twice.add_epoch(twice.epochs[1].model_copy(update={"val_recon_db": 7.0}))
    assert twice.column("val_recon_db") == [7.0, 4.0]


def test_overfitting_is_a_gap_above_a_fifth() -> None:
    assert not history([6.0] * 5, [5.5] * 5).is_overfitting()
    assert history([6.0] * 5, [4.0] * 5).is_overfitting()


@pytest.mark.parametrize(("gap", "overfits"), [(0.5, True), (0.1, False), (None, False), (math.nan, False)])
def test_a_recorded_gap_counts_where_the_curves_are_not_there(gap: float | None, overfits: bool) -> None:
    kept = MetricsHistory("val_recon_db", "train_recon_db")
    kept.add_epoch(
        EpochMetrics(epoch=1, total_epochs=1, train_loss=1.0, val_loss=2.0, learning_rate=1e-3, overfitting_gap=gap)
    )
    assert kept.is_overfitting() is overfits


def test_the_time_left_follows_the_pace() -> None:
    kept = MetricsHistory("val_recon_db", "train_recon_db")
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
