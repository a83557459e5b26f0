"""What listening without seeing which comes to, in words."""

from __future__ import annotations

import pytest

from app.panels.blind_tests import MOST, Count, chance, said

NAMES = ("epoch 85", "epoch 31")


def guessing(often: str, answers: str) -> str:
    """What pure chance comes to, and that it holds for a length that was set beforehand."""
    until = f"if you set out for {answers}: who stops where it looks good is flattered."
    return f"Guessing alone comes as far in {often} of 100 such tests, {until}"


@pytest.mark.parametrize(
    ("test", "count", "words"),
    [
        ("like", Count(), ""),
        ("like", Count(7, 8), f"You chose epoch 85 at 7 of 8. {guessing('7', '8 answers')}"),
        ("like", Count(1, 8), f"You chose epoch 31 at 7 of 8. {guessing('7', '8 answers')}"),
        ("like", Count(4, 8), "You chose each at 4 of 8: your ears prefer neither so far."),
        ("like", Count(1, 1), f"You chose epoch 85 at 1 of 1. {guessing('100', '1 answer')}"),
        ("tell", Count(7, 8), f"You were right at 7 of 8. {guessing('4', '8 answers')}"),
        ("tell", Count(0, 3), f"You were right at 0 of 3. {guessing('100', '3 answers')}"),
        ("tell", Count(9, 9), f"You were right at 9 of 9. {guessing('fewer than 1', '9 answers')}"),
    ],
)
def test_a_count_is_a_sentence_with_what_chance_makes_of_it(test: str, count: Count, words: str) -> None:
    assert said(test, count, NAMES) == words  # type: ignore[arg-type]


def test_chance_is_that_of_a_fair_coin() -> None:
    assert chance(7, 8) == 9 / 256 and chance(7, 8, sides=2) == 18 / 256 and chance(4, 8, sides=2) == 1.0


def test_answers_are_counted_up_to_a_limit() -> None:
    assert Count(1, 2).after(True) == Count(2, 3) and Count(1, 2).after(False) == Count(1, 3)
    assert Count(5, MOST).after(True) == Count(5, MOST)
