"""Settings over their seeds: what is claimed follows from how far runs of the same settings lie apart."""

from __future__ import annotations

import numpy as np
import pytest

from engine.claims.seeds import OverSeeds, in_words, pooled
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


def test_settings_that_do_not_differ_are_told_apart_one_time_in_twenty() -> None:
    rng = np.random.default_rng(0)
    sure = 0
    for _ in range(2000):
        a, b = (OverSeeds(name, list(rng.normal(5.0, 0.4, 3))) for name in "ab")
        sure += "better" in in_words([a, b], LOSS)[0]
    assert 0.03 < sure / 2000 < 0.07


def test_a_name_is_no_markup() -> None:
    groups = [OverSeeds("*a*", [1.0, 1.1]), OverSeeds("b", [5.0, 5.1])]
    assert "**" not in in_words(groups, LOSS)[0]
