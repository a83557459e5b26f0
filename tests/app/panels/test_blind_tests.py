"""What listening without seeing which comes to, in words."""

from __future__ import annotations

import pytest

from app.panels.blind_tests import MOST, Count, chance, said

NAMES = ("epoch 85", "epoch 31")


@pytest.mark.parametrize(
    ("test", "count", "words"),
    [
        ("like", Count(), ""),
        ("like", Count(7, 8), "You chose epoch 85 at 7 of 8. Guessing alone comes as far in 7 of 100 such tests."),
        ("like", Count(1, 8), "You chose epoch 31 at 7 of 8. Guessing alone comes as far in 7 of 100 such tests."),
        ("like", Count(4, 8), "You chose each at 4 of 8: your ears prefer neither so far."),
        ("like", Count(1, 1), "You chose epoch 85 at 1 of 1. Guessing alone comes as far in 100 of 100 such tests."),
        ("tell", Count(7, 8), "You were right at 7 of 8. Guessing alone comes as far in 4 of 100 such tests."),
        ("tell", Count(0, 3), "You were right at 0 of 3. Guessing alone comes as far in 100 of 100 such tests."),
        ("tell", Count(9, 9), "You were right at 9 of 9. "
         "Guessing alone comes as far in fewer than 1 of 100 such tests."),
    ],
)  # fmt: skip
def test_a_count_is_a_sentence_with_what_chance_makes_of_it(test: str, count: Count, words: str) -> None:
    assert said(test, count, NAMES) == words  # type: ignore[arg-type]


def test_chance_is_that_of_a_fair_coin() -> None:
    assert chance(7, 8) == 9 / 256 and chance(7, 8, sides=2) == 18 / 256 and chance(4, 8, sides=2) == 1.0


def test_answers_are_counted_up_to_a_limit() -> None:
    assert Count(1, 2).after(True) == Count(2, 3) and Count(1, 2).after(False) == Count(1, 3)
    assert Count(5, MOST).after(True) == Count(5, MOST)
