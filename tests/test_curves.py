"""What is read off a curve alone."""

from __future__ import annotations

import math

import pytest

from engine.claims.quality import of_gap
from engine.curves import better_than_baseline, compute_overfitting_gap, gap_of, jitter, last_improvement, smooth


def test_the_gap_is_relative_to_training() -> None:
    assert compute_overfitting_gap(5.0, 6.0) == pytest.approx(0.2)
    assert compute_overfitting_gap(0.0, 6.0) == 0.0 and compute_overfitting_gap(5.0, math.nan) == 0.0
    assert of_gap(0.35) == pytest.approx(0.65) and of_gap(-1) == 1.0 and of_gap(3) == 0.0


def test_better_than_the_average_sound_is_a_fraction() -> None:
    assert better_than_baseline(9.24, 14.0) == pytest.approx(0.34)
    assert better_than_baseline(9.24, None) is None and better_than_baseline(math.nan, 14.0) is None


def test_a_score_stalls_by_what_it_lacks_to_one() -> None:
    assert last_improvement([0.5, 0.9, 0.98, 0.985, 0.985], "higher") == 3, "a quarter of what was wrong is right now"
    assert last_improvement([0.5, 0.9, 0.9004, 0.9008], "higher") == 1
    perfect = smooth([0.9, 0.95] + [1.0] * 50)
    assert (last_improvement(perfect, "higher") or 0) < 15, "what halves for ever is at rest when little is left"
    assert last_improvement([math.nan, math.nan]) is None


def test_no_gap_is_told_of_figures_that_are_not_there() -> None:
    assert gap_of(None, 5.0) is None and gap_of(math.nan, 5.0) is None and gap_of(4.0, math.inf) is None
    assert gap_of(4.0, 5.0) == pytest.approx(0.25)


def test_jitter_is_of_the_last_thirty_bends_and_of_no_slope() -> None:
    assert jitter([3.0, 2.0, 1.0]) == 0 and jitter([1.0, 2.0]) == 0
    rough, calm = [float(place % 2) for place in range(40)], [float(place) for place in range(31)]
    assert jitter(rough) == 2 and jitter([*rough, *calm]) == 0
