"""Counts, times and sizes in words, said by one module."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine
from engine.quantities import apart, counted, duration, long_duration, plural, size, sound_length


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "under 1 s"), (40, "40 s"), (59.6, "1 min"), (60, "1 min"), (95, "1 min 35 s"), (129.8, "2 min 10 s"),
     (599.4, "9 min 59 s"), (599.6, "10 min"), (720, "12 min"), (3599, "1 h"), (12_000, "3 h 20 min"),
     (187_200, "2 d 4 h"), (None, "–"), (float("nan"), "–")],
)  # fmt: skip
def test_a_duration_is_as_coarse_as_one_would_say_it(seconds: float | None, said: str) -> None:
    assert duration(seconds) == said


def test_long_durations_are_words() -> None:
    assert long_duration(600) == "10 minutes"
    assert [long_duration(seconds) for seconds in (0, 0.9, 1)] == ["a moment", "a moment", "1 second"]
    assert long_duration(95) == "1 minute 35 seconds"
    assert long_duration(3660) == "1 hour 1 minute"


def test_sizes() -> None:
    assert [size(n) for n in (840, 84_000, 12_400_000, 3_100_000_000)] == [
        "840 B",
        "84 KB",
        "12.4 MB",
        "3.1 GB",
    ]


@pytest.mark.parametrize(
    ("first", "second", "decimals", "said"),
    [(1.24, 1.22, 1, ("1.24", "1.22")), (1.3, 1.2, 1, ("1.3", "1.2")), (600.3, 600.0, 0, ("600.3", "600.0")),
     (1.2, 1.2, 1, ("1.2", "1.2")), (0.0, -0.4, 0, ("0.0", "-0.4")),
     (1.0004, 0.9996, 1, ("1.0004", "0.9996")), (float("nan"), 1.0, 1, ("nan", "1.0")),
     (-0.04, 0.3, 1, ("0.0", "0.3")), (0.3, -0.04, 1, ("0.3", "0.0")), (-0.04, -0.04, 1, ("0.0", "0.0")),
     (-1e-12, 1e-12, 1, ("0.0", "0.0"))],
)  # fmt: skip
def test_figures_that_are_compared_are_told_apart(
    first: float, second: float, decimals: int, said: tuple[str, str]
) -> None:
    assert apart(first, second, decimals) == said


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 4))
def test_the_larger_one_of_two_figures_reads_larger(first: float, second: float, decimals: int) -> None:
    ours, theirs = map(float, apart(first, second, decimals))
    assert ours >= theirs if first > second else ours <= theirs
    assert ours != theirs or abs(first - second) < 1e-8


def test_a_count_and_its_word_agree() -> None:
    assert [counted(n, "file") for n in (0, 1, 2, 1200)] == ["0 files", "1 file", "2 files", "1,200 files"]
    assert [plural(n, "class", "classes") for n in (1, 0.5)] == ["class", "classes"]


def test_lengths_of_sounds_keep_their_seconds() -> None:
    assert [sound_length(s) for s in (0, 0.0434, 0.096, 14.2, 200, 4320)] == [
        "0.0 s",
        "0.04 s",
        "0.1 s",
        "14.2 s",
        "3 min 20 s",
        "1 h 12 min",
    ]


def written_by_hand(program: str) -> list[str]:
    """Words that a program makes plural itself: "file" if one of them, else "files"."""
    choices = [node for node in ast.walk(ast.parse(program)) if isinstance(node, ast.IfExp)]
    pairs = [(node.body, node.orelse) for node in choices]
    texts = [
        (one.value, many.value)
        for one, many in pairs
        if isinstance(one, ast.Constant) and isinstance(many, ast.Constant)
    ]
    return [str(one) for one, many in texts if isinstance(one, str) and one and many == f"{one}s"]


def test_a_plural_by_hand_is_found() -> None:
    assert written_by_hand("f\"{n} {'file' if n == 1 else 'files'}\"") == ["file"]


def test_no_other_module_makes_plurals() -> None:
    root = Path(engine.__file__).parents[1]
    programs = [*(root / "engine").rglob("*.py"), *(root / "app").rglob("*.py")]
    assert len(programs) > 150
    assert {path.name: words for path in programs if (words := written_by_hand(path.read_text(encoding="utf-8")))} == {}
