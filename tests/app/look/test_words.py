"""Figures and moments in words."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest

from app.charts.table import nice_range, spread_labels
from app.look import words
from app.look.plain import plain
from app.sounds.words import shown
from engine.claims.figures import amount, figure, give_or_take, percent


def test_moments_are_told_from_now() -> None:
    now = time.mktime((2026, 3, 12, 15, 0, 0, 0, 0, -1))
    assert words.when(now - 60, now) == "14:59"
    assert words.when(now - 86_400, now) == "yesterday 15:00"
    assert words.when(now - 3 * 86_400, now) == "Monday 15:00"
    assert words.when(now - 20 * 86_400, now) == "20 Feb 15:00"


def test_figures_keep_what_is_not_a_number() -> None:
    assert figure(9.43, "dB") == "9.4 dB"
    assert figure(float("nan"), "dB") == "NaN"
    assert figure(None) == "–"


def test_what_rounds_to_0_has_no_sign() -> None:
    assert [figure(-0.04, "dB"), figure(-0.004, "%"), percent(-0.004), shown(-0.04)] == ["0.0 dB", "0 %", "0 %", "0.0"]


def test_a_figure_below_0_has_a_minus_and_its_unit_keeps_its_hyphen() -> None:
    said = [figure(-0.351), figure(-12.3, "log-odds"), figure(-3.04, "dB"), figure(-0.05, "%"), percent(-0.05)]
    assert said == ["−0.351", "−12.3 log-odds", "−3.0 dB", "−5 %", "−5 %"]
    assert [amount(-0.25), give_or_take(-0.351, 0.2), shown(-1.25)] == ["−0.25", "−0.351 ± 0.200", "−1.2"]


def test_labels_never_touch() -> None:
    placed = spread_labels([5.0, 5.01, 5.02, 9.0], 0.0, 10.0, 368)
    gap = 18 * 10 / 368
    ordered = sorted(placed)
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(ordered))
    assert sorted(range(4), key=placed.__getitem__) == [0, 1, 2, 3]


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.0), (3.0, 3.0), (-1.2, 0.4), (1e-9, 2e-9), (4.1, 13.7)])
def test_a_range_holds_its_values_and_is_never_empty(low: float, high: float) -> None:
    begin, end = nice_range(low, high)
    assert begin <= low + 1e-12 and end >= high - 1e-12 and end > begin


def test_a_standard_error_stands_beside_its_value() -> None:
    assert give_or_take(4.41, 0.62, "dB") == "4.4 ± 0.6 dB"
    assert give_or_take(4.41, float("nan"), "dB") == "4.4 dB"


@pytest.mark.parametrize(
    "text", ["9.4 dB", "–", "14:20", "done near 14:20", "epoch 12 of 20", "R² on new data", "47 %", "-0.3 dB"]
)
def test_what_is_no_markup_passes_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "safe"),
    [("![i](x)", r"!\[i\](x)"), ("<b>", r"\<b\>"), ("*a* $b$", r"\*a\* \$b\$"), ("# a", r"\# a"), ("1. a", r"1\. a"),
     ("http://a", "http:\u2060//a"), ("www.a", "www\u2060.a"), (":red[a]", ":\u2060red\\[a\\]"),
     ("a\x1b\u202e", r"a\\x1b\\u202e"), ("---", r"\---")],
)  # fmt: skip
def test_what_is_markup_is_shown_and_does_nothing(text: str, safe: str) -> None:
    assert plain(text) == safe
