"""What comes of listening without seeing which: counts, and what pure chance makes of them. Pure, no Streamlit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from engine.quantities import counted

Test = Literal["like", "tell"]
TESTS: tuple[Test, ...] = get_args(Test)
MOST = 1_000


@dataclass(frozen=True)
class Count:
    """Answers in one test of one pair. first: of ``total`` answers so many were A ("like"), or right ("tell")."""

    first: int = 0
    total: int = 0

    def after(self, hit: bool) -> Count:
        return Count(self.first + hit, self.total + 1) if self.total < MOST else self


def said(test: Test, count: Count, names: tuple[str, str]) -> str:
    """The count in words, "" before the first answer. names: of A and B, as in "You chose *epoch 85*"."""
    if not count.total:
        return ""
    if test == "tell":
        return f"You were right at {count.first} of {count.total}. {_by_chance(count.first, count.total, 1)}"
    more = max(count.first, count.total - count.first)
    if 2 * more == count.total:
        return f"You chose each at {more} of {count.total}: your ears prefer neither so far."
    name = names[0] if more == count.first else names[1]
    return f"You chose {name} at {more} of {count.total}. {_by_chance(more, count.total, 2)}"


def chance(hits: int, total: int, sides: int = 1) -> float:
    """How probable it is that a fair coin falls so ``hits`` times or more of ``total``; on either side with ``sides``
    2. (The sign test.)"""
    tail = sum(math.comb(total, at) for at in range(hits, total + 1)) / (1 << total)
    return min(1.0, sides * tail)


def _by_chance(hits: int, total: int, sides: int) -> str:
    of_100 = 100 * chance(hits, total, sides)
    often = "fewer than 1" if of_100 < 0.95 else f"{of_100:.0f}"
    # A coin that is thrown until it looks unfair comes to look so.
    return (
        f"Guessing alone comes as far in {often} of 100 such tests, if you set out for {counted(total, 'answer')}: "
        "who stops where it looks good is flattered."
    )
