"""Columns are read at once as their values are read one by one."""

from __future__ import annotations

import math
from collections import Counter
from cProfile import Profile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.tasks.mlp.csv_table import read_table
from engine.tasks.mlp.numerals import Sign, decimal_sign, grouped, is_missing, reads, written_numbers

NUMBER = st.from_regex(r"[+-]?[0-9]{0,7}([.,'’ ][0-9]{3}){0,2}([.,][0-9]{0,4})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)
ODD = st.sampled_from(["NA", "n/a", "-", "", "?", "NaN", "-nan", "inf", "-Inf", "1_000", "1e999", "x", "12a", "٣,٥"])
SIGN = st.sampled_from([".", ","])


@given(st.lists(NUMBER.map(str.strip) | ODD, max_size=8), SIGN)
def test_a_column_is_read_at_once_as_value_by_value(texts: list[str], sign: Sign) -> None:
    one_by_one = [math.nan if is_missing(text) else grouped(text, sign) for text in texts]
    at_once = written_numbers(texts, sign)
    if None in one_by_one:
        assert at_once is None
    else:
        assert at_once is not None
        np.testing.assert_array_equal(at_once, np.array(one_by_one, dtype=float))


def counted(columns: list[list[str]], delimiter: str) -> Sign:
    """The decimal sign by the counts of all that reads."""
    votes = [[sum(reads(text, sign) for text in texts) for sign in (".", ",")] for texts in columns]
    commas, points = (sum(own > other for own, other in side) for side in ([v[::-1] for v in votes], votes))
    if commas != points:
        return "," if commas > points else "."
    undecided = any(own == other > 0 for own, other in votes)
    return "," if undecided and delimiter == ";" and not points else "."


COLUMN = st.lists(NUMBER.map(str.strip).filter(lambda text: not is_missing(text)), max_size=5, unique=True)


@given(st.lists(COLUMN, max_size=4), st.sampled_from([",", ";"]))
def test_the_decimal_sign_is_the_one_that_counting_finds(columns: list[list[str]], delimiter: str) -> None:
    assert decimal_sign(columns, delimiter) == counted(columns, delimiter)


@pytest.mark.parametrize("form", ["{},{:02}", "1.{:03},{:02}"])
def test_a_table_is_not_read_value_by_value(form: str, tmp_path: Path) -> None:
    table = tmp_path / "weights.csv"
    rows = [";".join(form.format(100 + row, column) for column in range(10, 15)) for row in range(400)]
    table.write_text("\n".join(["a;b;c;d;e", *rows]))
    profile = Profile()
    profile.runcall(read_table, table, None, "regression")
    calls: Counter[str] = Counter()
    for entry in profile.getstats():
        calls[getattr(entry.code, "co_name", "")] += entry.callcount
    assert calls["written_numbers"] and calls["reads"] + calls["grouped"] <= 2 * 400 + 100  # the target's alone
