"""A part of an enumeration, spread evenly over it and the same each time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any, TypeVar

import pytest

Case = TypeVar("Case")


def sample(cases: Sequence[Case], one_in: int) -> list[Case]:
    """One of each ``one_in`` neighbours, drawn by a fixed seed; all of them where that is 1."""
    draw = random.Random(11)
    return [draw.choice(cases[first : first + one_in]) for first in range(0, len(cases), one_in)]


def later(*cases: object) -> list[Any]:
    """Cases of a parametrised test that are left to ``--all``, for the others ask the same: an argument, or a tuple."""
    return [pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.slow) for case in cases]
