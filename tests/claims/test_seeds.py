"""Settings over their seeds: what is claimed follows from how far runs of the same settings lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from engine.claims.seeds import OverSeeds, in_words, pooled
from engine.claims.studentised_range import range_quantile
from engine.rundir.record import Monitor

LOSS = Monitor(metric="m", reference="r", unit="dB")
SCORE = Monitor(metric="m", reference="r", better="higher")


def test_the_scatter_is_pooled_over_all_settings() -> None:
    found = pooled([OverSeeds("a", [1.0, 3.0]), OverSeeds("b", [5.0, 5.0]), OverSeeds("c", [9.0])])
    assert found == (pytest.approx(1.0), 2)
    assert pooled([OverSeeds("a", [1.0, 3.0]), OverSeeds("b", [5.0])]) is None, "one repetition says next to nothing"
    assert in_words([OverSeeds("a", [1.0]), OverSeeds("b", [5.0])], LOSS) == []


def test_the_best_is_the_lowest_error_or_the_highest_score() -> None:
    groups = [OverSeeds("a", [1.0, 1.1]), OverSeeds("b", [5.0, 5.1])]
    assert in_words(groups, LOSS)[0].startswith("*a* is 4.00 ± 0.30 dB better than *b*, over 4 runs.")
    assert in_words(groups, SCORE)[0].startswith("*b* is 4.00")


@pytest.mark.parametrize(("settings", "seeds"), [(2, 2), (2, 3), (3, 2), (5, 2), (5, 3), (6, 5)])
def test_of_settings_that_are_alike_any_is_called_better_one_time_in_twenty(settings: int, seeds: int) -> None:
    draws = 2000
    values = np.random.default_rng(settings * seeds).normal(5.0, 0.4, (draws, settings, seeds))
    said = (in_words([OverSeeds(str(at), list(one)) for at, one in enumerate(draw)], LOSS) for draw in values)
    wrong = sum(any("better" in sentence for sentence in sentences) for sentences in said) / draws
    assert wrong == pytest.approx(0.05, abs=0.015), "three standard errors of the draws"


@pytest.mark.parametrize("means", [2, 3, 6, 10])
@pytest.mark.parametrize("freedom", [2, 3, 8, 40])
def test_the_range_that_chance_allows_is_that_of_scipy(means: int, freedom: int) -> None:
    from scipy.stats import studentized_range  # here, so that only the worker that asks takes a second to import it

    expected = studentized_range.ppf(0.95, means, freedom)
    assert range_quantile(means, freedom) == pytest.approx(expected, rel=2e-3)


def test_a_name_is_no_markup() -> None:
    groups = [OverSeeds("*a*", [1.0, 1.1]), OverSeeds("b", [5.0, 5.1])]
    assert "**" not in in_words(groups, LOSS)[0]
