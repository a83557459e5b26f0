"""Which epochs the held-out files cannot tell from the best, and when the range is said to lie behind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from pydantic import TypeAdapter

from engine.curves import smooth
from engine.loop.tracker import TrackerState
from engine.metrics import MetricsHistory
from engine.sweet_range import SweetRange, may_end, sweet_range
from tests.bench.replay import Errors, Replay, recorded, replay
from tests.test_metrics import history

LEVELS = np.array([2.0, 3.0, 4.5, 6.0, 9.0, 14.0])  # files differ by far more than epochs do


def judged(errors: Errors | Sequence[Sequence[float]], better: str = "lower") -> SweetRange:
    errors = np.asarray(errors)
    found = sweet_range(list(range(1, len(errors) + 1)), errors.mean(1).tolist(), errors.tolist(), better)
    assert found is not None
    return found


def curve(shape: Sequence[float], scatter: float, files: int = 6, seed: int = 0) -> Errors:
    """The same course in every file, each at its own level, with a scatter of its own."""
    noise = np.random.default_rng(seed).normal(0, scatter, (len(shape), files))
    return np.asarray(shape)[:, None] + LEVELS[:files] + noise


FALLING = list(np.linspace(3, 0, 20))
TURNING = FALLING + list(np.linspace(0, 1, 20))


def test_a_rise_in_every_file_is_seen_however_far_apart_the_files_lie() -> None:
    found = judged(curve(TURNING, 0.05))
    assert found.certain and found.behind and found.files == 6
    assert found.first <= found.best <= found.last < 30 and 15 <= found.best <= 23
    assert found.worse_by is not None and found.worse_by == pytest.approx(0.95, abs=0.15)
    assert found.standard_error is not None and found.standard_error < 0.2 < LEVELS.std(ddof=1) / math.sqrt(6)


def test_a_rise_that_one_file_makes_is_scatter() -> None:
    errors = curve(FALLING + [0.0] * 20, 0.02)
    errors[20:, 5] += np.linspace(0, 6, 20)  # the same mean course as TURNING
    assert errors.mean(1)[-1] - errors.mean(1).min() > 0.8
    found = judged(errors)
    assert not found.behind and found.last == 40


def test_a_curve_that_still_falls_has_its_best_now() -> None:
    found = judged(curve(FALLING, 0.01))
    assert found.best == found.last == 20 and not found.behind


def test_one_bad_epoch_is_not_the_end_of_the_range() -> None:
    errors = curve(FALLING + [0.0] * 20, 0.02)
    errors[-1] += 2.0
    assert not judged(errors).behind


@pytest.mark.parametrize("files", [1, 2])
def test_one_or_two_files_cannot_tell(files: int) -> None:
    found = judged(curve(TURNING, 0.0, files))
    assert not found.certain and not found.behind and found.worse_by is None and found.files == files
    assert found.optimism is None


def test_a_task_without_files_has_a_best_and_cannot_tell() -> None:
    found = sweet_range([1, 2, 3], [3.0, 2.0, 2.5], [[], [], []])
    assert found == SweetRange(2, 2, 3, 0, False, False, None, None)


def test_copies_of_one_sound_are_one_witness() -> None:
    errors = np.repeat(curve(TURNING, 0.0, 1), 8, axis=1)
    assert judged(errors).files == 1 and not judged(errors).certain


def test_a_difference_that_nobody_hears_is_none() -> None:
    found = judged(curve(FALLING + [0.0] * 10 + [0.03] * 20, 0.001))
    assert not found.behind and found.last == 50, "0.03 dB of 6, in every file"


def test_a_score_falls_behind_as_an_error_rises() -> None:
    errors = curve(TURNING, 0.05) / 20
    score, error = asdict(judged(1 - errors, "higher")), asdict(judged(errors))
    assert score == pytest.approx(error) and error["behind"]


def test_epochs_and_files_without_a_number_are_left_out() -> None:
    errors = curve(TURNING, 0.05)
    whole = judged(errors)
    holed = errors.copy()
    holed[4] = math.nan
    assert judged(holed).behind and abs(judged(holed).best - whole.best) <= 1
    never = np.hstack([errors, np.full((40, 1), math.nan)])
    assert sweet_range(list(range(1, 41)), errors.mean(1).tolist(), never.tolist()) == whole
    assert sweet_range([1, 2], [math.nan, math.nan], [[math.nan], [math.nan]]) is None


@pytest.mark.parametrize("files", [3, 6])
def test_a_curve_at_rest_is_seldom_said_to_lie_behind(files: int) -> None:
    """Looked at after every one of sixty epochs that differ by nothing but chance."""
    alarms = 0
    for seed in range(20):
        errors = curve(FALLING + [0.0] * 40, 0.1, files, seed)
        errors += np.random.default_rng([seed, 1]).normal(0, 0.1, (60, 1))  # a wobble that hits all files alike
        alarms += any(judged(errors[:epoch]).behind for epoch in range(20, 61, 2))
    assert alarms <= 1


def over(errors: Errors, progress: float) -> bool:
    return may_end(judged(errors), errors.mean(1).tolist(), progress)


def test_a_curve_at_rest_ends_its_run_in_the_second_half_only() -> None:
    resting = curve(FALLING + [0.0] * 20, 0.02)
    assert not judged(resting).behind and over(resting, 0.5) and not over(resting, 0.49)
    assert not over(resting[:30], 0.9), "at rest for a third of its epochs"
    assert not over(curve(FALLING + [0.6] * 10 + list(np.linspace(0.6, 0, 10)), 0.02), 0.9), "on its way down again"
    assert not over(curve(list(np.linspace(8, 0, 40)), 0.02), 0.9), "it still falls"
    assert not over(curve(FALLING + [0.0] * 20, 0.02, files=2), 0.9), "two files cannot tell"


def test_a_run_ends_before_its_half_only_when_the_range_lies_behind() -> None:
    assert judged(curve(TURNING, 0.05)).behind and over(curve(TURNING, 0.05), 0.1)
    assert not may_end(None, [math.nan], 0.9)


def test_the_files_that_choose_flatter_the_best_epoch() -> None:
    estimated, true = [], []
    for seed in range(30):
        noisy = curve([0.0] * 40, 0.5, seed=seed)  # every epoch's true error is the same
        estimated.append(judged(noisy).optimism or 0.0)
        true.append(LEVELS.mean() - min(smooth(noisy.mean(1).tolist())))
    assert 0.6 < np.mean(estimated) / np.mean(true) < 1.4
    assert judged(curve(TURNING, 0.0)).optimism == 0.0


def test_a_difference_that_choosing_may_have_made_leaves_no_epoch_behind() -> None:
    """The files say that the last twenty epochs are worse than the first, all by as much; what chose the first flatters
    by more than a fifth of a dB: half of the files are lucky for ten epochs, the others for the next ten."""
    luck = np.where(np.arange(6) % 2, 1.0, -1.0)
    lucky = [0 * luck, *[0.1 + luck] * 10, *[0.1 - luck] * 10]
    for worse, behind in ((0.2, False), (1.5, True)):
        found = judged(LEVELS + np.array([*lucky, *[worse + 0 * luck] * 20]))
        assert found.best == 1 and found.worse_by == pytest.approx(worse, abs=0.01)
        assert found.standard_error is not None and found.standard_error < 0.01
        assert found.optimism is not None and 0.2 < found.optimism < 1.5
        assert found.behind is behind


@pytest.mark.parametrize(
    "values", [[10, 9, 4, 9, 8, 7, 6.4, 6.2, 6.3], [math.nan, 5, 5, 5, math.nan, 4], [3, 2, 2.5, 2.6]]
)
def test_tracker_history_and_range_name_one_best_epoch(values: list[float]) -> None:
    tracker = TrackerState()
    for epoch, value in enumerate(values, 1):
        tracker.judge(epoch, value, [value, value + 1, value + 2], None)
    found = tracker.sweet_range("lower")
    assert found is not None and found.best == history(values).get_best_epoch()


def test_a_history_whose_lines_were_lost_still_names_the_run_s_own_best() -> None:
    kept = history([5.0, 4.0, 3.0, 4.0, 4.0])
    tracker = TrackerState()
    for epoch in kept.epochs.values():
        tracker.judge(epoch.epoch, epoch.val_loss, [], None)
    holed = MetricsHistory("val_recon_db", "train_recon_db")
    last = kept.epochs[5].model_copy(update={"sweet_range": tracker.sweet_range("lower")})
    for epoch in (kept.epochs[1], kept.epochs[2], last):  # the disk lost the third and the fourth
        holed.add_epoch(epoch)
    assert holed.get_best_epoch() == kept.get_best_epoch() == 3


def test_a_tracker_whose_curves_have_holes_is_no_tracker() -> None:
    whole = asdict(TrackerState(epochs=[1, 2], values=[3.0, 2.0], files=[[3.0], [2.0]]))
    assert asdict(TypeAdapter(TrackerState).validate_python(whole)) == whole
    for damage in ({"epochs": [1]}, {"values": []}, {"files": [[3.0], [2.0, 1.0]]}):
        with pytest.raises(ValueError, match="holes"):
            TypeAdapter(TrackerState).validate_python(whole | damage)


@pytest.fixture(scope="module")
def replays() -> list[Replay]:
    return [replay(name, errors) for name, errors in recorded()]


@pytest.mark.slow
def test_the_recording_holds_twenty_runs_from_one_file_to_many(replays: list[Replay]) -> None:
    assert len(replays) >= 20
    assert min(one.files for one in replays) == 1 and max(one.files for one in replays) >= 30


def test_no_recorded_run_would_have_lost_what_one_hears_by_ending_itself(replays: list[Replay]) -> None:
    assert {one.name: one.asked.lost_db for one in replays if one.asked.lost_db > 0.2} == {}
    assert max(one.by_the_mean.lost_db for one in replays) > 1, "a rule that looks at no file does lose on these"


def test_half_of_the_recorded_runs_would_have_been_shortened(replays: list[Replay]) -> None:
    assert 2 * sum(one.asked.saved > 0 for one in replays) >= len(replays)


def test_no_recorded_run_with_one_or_two_files_would_have_ended_itself(replays: list[Replay]) -> None:
    few = [one for one in replays if one.files < 3]
    assert few and not any(one.asked.epoch or one.at_end.certain for one in few)
