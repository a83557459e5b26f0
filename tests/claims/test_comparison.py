"""What is said of the difference between two runs, and when nothing is."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.claims.comparison import Checked, all_in_words, difference, in_words, plus_minus
from engine.rundir.record import Monitor
from engine.students_t import quantile

DB = Monitor(metric="val_recon_db", reference="train_recon_db", unit="dB", files="val_recon_db_files")
SCORE = Monitor(metric="accuracy", reference="own", unit="fraction", better="higher", files="by_file")
BASE = [3.0, 9.0, 5.0, 4.0, 7.0, 6.0]


def checked(name: str, *errors: float, monitor: Monitor = DB, task: str = "vae", **changes: object) -> Checked:
    """A run whose held-out files are numbered from 0."""
    known = [one for one in errors if math.isfinite(one)]
    value = sum(known) / len(known) if known else None
    own = {"errors": dict(enumerate(errors)), "measure": {"spectrogram": 128}} | changes
    return Checked(name, task, monitor, value, **own)  # type: ignore[arg-type]


def moved(name: str, *by: float, **changes: object) -> Checked:
    return checked(name, *(error + one for error, one in zip(BASE, by, strict=True)), **changes)  # type: ignore[arg-type]


FIRST = moved("one", 0, 0, 0, 0, 0, 0)
NOTHING = Checked("two", "vae", DB)
HISTORIES = {
    "better on each": (
        FIRST, moved("two", 0.4, 0.5, 0.3, 0.4, 0.5, 0.3),
        "*one* is 0.400 ± 0.094 dB better than *two* on the same 6 files.",
    ),
    "worse on each, the better one stands first": (
        FIRST, moved("two", -2, -3, -2, -3, -2, -3), "*two* is 2.50 ± 0.57 dB better than *one* on the same 6 files.",
    ),
    "the mean is better, but by one file alone": (
        FIRST, moved("two", 0, 0, 0, 0, 0, 6),
        "*one* and *two* cannot be told apart on the same 6 files: they differ by 1.0 ± 2.6 dB.",
    ),
    "a copy of itself": (
        FIRST, moved("two", 0, 0, 0, 0, 0, 0),
        "*one* and *two* cannot be told apart on the same 6 files: they differ by 0.0 ± 0.0 dB.",
    ),
    "less than anybody hears, on each": (
        FIRST, moved("two", *[1e-5] * 6),
        "*one* and *two* cannot be told apart on the same 6 files: they differ by 0.0000 ± 0.0000 dB.",
    ),
    "a score is better when it is higher": (
        checked("one", 0.9, 0.8, 0.95, monitor=SCORE), checked("two", 0.7, 0.61, 0.74, monitor=SCORE),
        "*one* is 20.0 ± 2.5 % better than *two* on the same 3 files.",
    ),
    "some files in common": (
        FIRST, moved("two", *[0.5] * 6, errors={file: error + 0.5 for file, error in enumerate(BASE[:4])}),
        "*one* is 0.50 ± 0.00 dB better than *two* on the 4 files that both held out.",
    ),
    "two files in common": (
        FIRST, moved("two", *[0.5] * 6, errors={0: 1.0, 1: 2.0, 77: 3.0}),
        "*one* and *two* were checked on different files: only 2 files were held out by both, and 3 are the least.",
    ),
    "no file in common": (
        FIRST, moved("two", *[0.5] * 6, errors={70: 1.0, 71: 2.0, 77: 3.0}),
        "*one* and *two* were checked on different files: no file was held out by both, and 3 are the least.",
    ),
    "errors that are no numbers do not count": (
        FIRST, moved("two", 1, math.nan, 1, 1, math.inf, 1),
        "*one* is 1.0 ± 0.0 dB better than *two* on the same 4 files.",
    ),
    "one error in common that is a number": (
        FIRST, moved("two", 1, *[math.nan] * 5),
        "*one* and *two* cannot be compared in pairs: of the 6 files that both held out, 1 has an error that is a "
        "number in both, and 3 are the least.",
    ),
    "none in common that is a number": (
        moved("one", *[math.nan] * 3, 1, 1, 1), moved("two", 1, 1, 1, *[math.inf] * 3),
        "*one* and *two* cannot be compared in pairs: of the 6 files that both held out, none have an error that is a "
        "number in both, and 3 are the least.",
    ),
    "no errors by file": (
        FIRST, NOTHING, "*one* and *two* cannot be compared in pairs: *two* keeps no error of each held-out item.",
    ),
    "none of either": (
        NOTHING, NOTHING, "*two* and *two* cannot be compared in pairs: *two* and *two* keep no error of each held-out "
        "item.",
    ),
    "measured otherwise": (
        FIRST, moved("two", *[1] * 6, measure={"spectrogram": 64}),
        "*one* and *two* measure their errors by different settings: a figure of one is none of the other.",
    ),
    "of another kind": (
        FIRST, checked("two", 1, 2, 3, monitor=SCORE, task="mlp"),
        "*one* and *two* learn different things: their errors do not measure the same.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", HISTORIES)
def test_what_is_said_of_two_runs(case: str) -> None:
    first, second, said = HISTORIES[case]
    assert in_words(first, second) == said


def test_of_many_runs_the_best_is_held_against_each_other_one() -> None:
    runs = [moved("worst", *[2, 2.1, 2.2, 2.1, 2, 2.2]), FIRST, moved("near", 0, 0.1, -0.1, 0, 0.1, 0)]
    assert [one.split(" on ")[0] for one in all_in_words(runs)] == [
        "*one* is 2.10 ± 0.13 dB better than *worst*",
        "*one* and *near* cannot be told apart",
    ]
    assert all_in_words(runs[:1]) == []


@pytest.mark.parametrize(("runs", "files"), [(2, 8), (3, 3), (10, 5)])
@pytest.mark.parametrize("wild", [1, 5])
def test_of_runs_that_are_alike_any_is_called_better_at_most_one_time_in_twenty(
    runs: int, files: int, wild: float
) -> None:
    """wild: how many times as much the first of them scatters."""
    draws = 200
    drawn = np.random.default_rng(runs).normal(0.0, 0.2, (draws, runs, files))
    drawn[:, 0] *= wild
    errors = 5.0 + np.arange(files) + drawn
    said = ([checked(str(at), *one) for at, one in enumerate(draw)] for draw in errors)
    wrong = sum(any("better" in sentence for sentence in all_in_words(each)) for each in said) / draws
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws), "and three standard errors of the draws"


def test_only_runs_that_can_be_compared_widen_the_interval() -> None:
    runs = [FIRST, moved("two", 2, 2.1, 2.2, 2.1, 2, 2.2), NOTHING, moved("three", *[1] * 6, measure={})]
    assert all_in_words(runs)[0] == in_words(*runs[:2])


@pytest.mark.parametrize("intervals", [1, 3, 45])
@pytest.mark.parametrize("freedom", [2, 3, 8, 19, 60])
def test_how_far_chance_moves_a_mean_is_as_scipy_says(freedom: int, intervals: int) -> None:
    from scipy.stats import t  # here, so that only the worker that asks takes a second to import it

    assert quantile(freedom, intervals) == round(t.ppf(1 - 0.025 / intervals, freedom), 3)


ERRORS = st.dictionaries(
    st.integers(0, 12), st.floats(0, 40) | st.sampled_from([math.nan, math.inf, 1e300]), max_size=13
)


@settings(max_examples=200, deadline=None)
@given(ERRORS, ERRORS, st.booleans(), st.randoms(use_true_random=False))
def test_order_changes_the_sign_alone_and_better_is_never_said_of_an_interval_with_zero_in_it(
    own: dict[int, float], other: dict[int, float], whole: bool, drawn: random.Random
) -> None:
    if whole:
        other = {file: other.get(file, error + drawn.gauss(0.1, 0.2)) for file, error in own.items()}
    shuffled = dict(drawn.sample(list(other.items()), len(other)))
    first, second = checked("one", errors=own), checked("two", errors=shuffled)
    there, back = difference(first, second), difference(second, first)
    assert (there is None) == (back is None)
    said, turned = in_words(first, second), in_words(second, first)
    if there is None or back is None:
        assert "±" not in said and "±" not in turned
        return
    assert (there.by, there.give_or_take, there.files) == (-back.by, back.give_or_take, back.files)
    assert ("better" in said) == there.sure and (not there.sure or said == turned)
    if there.by - there.give_or_take <= 0 <= there.by + there.give_or_take:
        assert "cannot be told apart" in said and "cannot be told apart" in turned
    elif there.sure:
        assert said.startswith("*one*" if there.by > 0 else "*two*")


@pytest.mark.parametrize("unit", ["dB", "%", ""])
def test_what_is_larger_than_its_uncertainty_reads_larger(unit: str) -> None:
    by, give_or_take = map(float, plus_minus(0.30041, 0.29961, unit).removesuffix(unit).split("±"))
    assert by > give_or_take


def test_a_name_is_no_markup_and_moves_no_cursor() -> None:
    said = in_words(moved("**b** \x1b[2J", 0, 0, 0, 0, 0, 0), moved("\u202etwo", 2, 3, 2, 3, 2, 3))
    assert said.startswith("*∗∗b∗∗ \\x1b[2J* is") and "*\\u202etwo*" in said
