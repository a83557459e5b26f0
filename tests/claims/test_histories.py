"""What is claimed of curves of every kind: one row a history."""

from __future__ import annotations

import math

import pytest

from engine.sweet_range import SweetRange
from tests.claims.histories import PLAIN, SCORE, Reading, Run, falling, noisy, plus, turning

NAN = math.nan
RISE = turning(30, 10, 0.1)
OWN = falling(30, 12.0, 3.0, 8.0)
AWAY = Reading(11.8, 8.1)
NEAR = Reading(4.0, 8.0)


def pairs(behind: bool, certain: bool = True, files: int = 8) -> SweetRange:
    return SweetRange(10, 8, 14, files, certain, behind, 0.6, 0.2)


# name: (run, codes by precedence, quality's label while it learns)
ROWS: dict[str, tuple[Run, list[str], str]] = {
    "nothing yet": (Run([]), [], "too early to tell"),
    "one epoch": (Run([9.0], [8.5]), ["learning"], "healthy"),
    "one epoch, nothing learnt": (Run([13.9], [13.9]), ["too_early"], "too early to tell"),
    "two epochs": (Run([9.0, 8.0], [8.8, 7.8]), ["learning"], "healthy"),
    "improving": (Run(plus(OWN, 0.2), OWN), ["learning"], "healthy"),
    "improving, own unknown": (Run(falling(30)), ["learning"], "not measured"),
    "improving, noisy": (Run(noisy(plus(OWN, 0.2), 0.1), noisy(OWN, 0.05, 2)), ["learning"], "healthy"),
    "worse than the average": (Run([20.0, 19.0, 18.0], [20.0, 19.0, 18.0]), ["too_early"], "too early to tell"),
    "hardly better, at rest": (Run([13.8] * 50, [13.8] * 50), ["not_learning"], "not learning"),
    "hardly better, still falling": (Run(falling(20, 16, 12.8), falling(20, 16, 12.8)), ["too_early"],
                                     "too early to tell"),
    "flat for long": (Run([10.0, 8.0] + [6.0] * 40, [10.0, 8.0] + [5.8] * 40), ["stagnation"], "at rest"),
    "creeping": (Run([10.0, 8.0, 7.0] + [6.0 - 0.0002 * place for place in range(40)]), ["stagnation"], "at rest"),
    "flat for short": (Run([10.0, 8.0] + [6.0] * 12, [10.0, 8.0] + [5.8] * 12), ["level"], "healthy"),
    "nothing left to gain": (Run([4.0] + [0.0] * 60, [4.0] + [0.0] * 60), ["level"], "healthy"),
    "noise about a level": (Run(noisy([6.0] * 25, 0.3), noisy([5.5] * 25, 0.2, 3)), ["level"], "healthy"),
    "rising, own falls": (Run(RISE, OWN), ["memorising"], "memorises"),
    "rising, own rests": (Run(RISE, OWN[:10] + [OWN[9]] * 20), ["past"], "past its best"),
    "rising, own unknown": (Run(RISE), ["past"], "past its best"),
    "both rising": (Run([10, 8, 6, 5, 4] + [4 + 0.2 * place for place in range(12)],
                        [9.0] * 5 + [9.0 + 0.06 * place for place in range(12)]), ["unstable"], "gets worse"),
    "rising within jitter": (Run(noisy(turning(30, 10, 0.01), 0.4), OWN), ["gap"], "knows its own better"),
    "4.03 to 4.14 beside 0.5": (Run(falling(20, 12, 4.03, 3.0) + [4.14] * 9, falling(29, 12, 3.9, 3.0), se=0.5),
                                ["level"], "healthy"),
    "rising beyond the files' scatter": (Run(RISE, OWN, se=0.3), ["memorising"], "memorises"),
    "risen and fallen again": (Run(turning(20, 8, 0.2) + falling(20, 7.0, 4.0, 5.0), falling(40, 12, 3.9, 8.0)),
                               ["learning"], "healthy"),
    "behind in pairs": (Run(RISE, OWN, sweet=pairs(True)), ["memorising"], "memorises"),
    "behind in pairs, own rests": (Run(RISE, [5.0] * 30, sweet=pairs(True)), ["past"], "past its best"),
    "not behind in pairs": (Run(turning(30, 10, 0.02), [4.9] * 30, sweet=pairs(False)), ["level"], "healthy"),
    "pairs of two files": (Run(RISE, OWN, sweet=pairs(True, certain=False, files=2)), ["few_files"],
                           "too few to tell"),
    "two files": (Run(RISE, OWN, files=2), ["few_files"], "too few to tell"),
    "one file": (Run(RISE, OWN, files=1), ["few_files"], "too few to tell"),
    "two files, nothing learnt": (Run([13.9, 13.8], [13.9, 13.8], files=2), ["too_early"], "too early to tell"),
    "two files, repeating": (Run(RISE, OWN, files=2, memory=NEAR), ["repeats", "few_files"], "it repeats"),
    "not counted": (Run(RISE, OWN, files=0), ["memorising"], "memorises"),
    "knows its own better": (Run(plus(falling(8, 9, 4), 1.2), falling(8, 9, 4)), ["gap"], "knows its own better"),
    "the demo": (Run(falling(40, 24, 5, 8), falling(40, 22, 0.5, 5), monitor=SCORE.model_copy(update={
        "metric": "val_recon_db", "reference": "train_recon_db", "better": "lower", "unit": "dB",
        "baseline": 26.0})), ["gap"], "knows its own better"),
    "better, and the files scatter": (Run(plus(falling(8, 9, 4), 1.2), falling(8, 9, 4), se=1.0), ["gap_unsure"],
                                      "not certain"),
    "NaN now": (Run([10.0, 8.0, 7.0, NAN], [10.0, 8.0, 7.0, NAN]), ["not_a_number"], "not a number"),
    "NaN between": (Run([10.0, 8.0, NAN, 7.0, 6.0], [10.0, 8.0, NAN, 6.9, 5.9]), ["learning"], "healthy"),
    "NaN from the start": (Run([NAN] * 4, [NAN] * 4), ["not_a_number"], "not a number"),
    "infinite": (Run([10.0, 8.0, math.inf], [10.0, 8.0, math.inf]), ["not_a_number"], "not a number"),
    "own NaN": (Run([10.0, 8.0, 7.0], [NAN] * 3), ["learning"], "not measured"),
    "resumed at epoch 41": (Run(plus(OWN, 0.2), OWN, first=41), ["learning"], "healthy"),
    "resumed, memorises": (Run(RISE, OWN, first=41), ["memorising"], "memorises"),
    "collapsed": (Run(plus(OWN, 0.2), OWN, kl=(0.1, 0.1)), ["collapsed"], "carries nothing"),
    "collapsed and rising": (Run(RISE, OWN, kl=(0.1, 0.1), memory=NEAR), ["collapsed", "memorising"],
                             "carries nothing"),
    "idle dimensions": (Run(plus(OWN, 0.2), OWN, idle=0.7), ["learning", "idle_dims"], "healthy"),
    "too diverse": (Run(plus(OWN, 0.2), OWN, kl=(50.0, 20.0)), ["too_diverse"], "too diverse"),
    "repeating": (Run(plus(OWN, 0.2), OWN, memory=NEAR), ["repeats"], "it repeats"),
    "repeating and memorising": (Run(RISE, OWN, memory=NEAR), ["repeats", "memorising"], "it repeats"),
    "repeating at rest": (Run([10.0, 8.0] + [6.0] * 40, [10.0, 8.0] + [5.9] * 40, memory=NEAR),
                          ["repeats", "stagnation"], "it repeats"),
    "no copies": (Run(plus(OWN, 0.2), OWN, memory=AWAY), ["learning", "new"], "healthy"),
    "no copies, memorises": (Run(RISE, OWN, memory=AWAY), ["memorising", "new"], "memorises"),
    "the meter has no number": (Run(plus(OWN, 0.2), OWN, memory=Reading(NAN, 8.0)), ["learning"], "healthy"),
    "a score that rises": (Run([0.5, 0.7, 0.8, 0.9], [0.5, 0.7, 0.82, 0.91], SCORE), ["learning"], "healthy"),
    "a score that falls": (Run([0.5, 0.7, 0.9, 0.9] + [0.9 - 0.02 * n for n in range(10)],
                               [0.5, 0.7, 0.8, 0.8] + [0.8 + 0.018 * n for n in range(10)], SCORE),
                           ["memorising"], "memorises"),
    "a score no better than guessing": (Run([0.41, 0.42, 0.4], [0.4] * 3, SCORE), ["too_early"], "too early to tell"),
    "a score by chance": (Run([0.5, 0.58, 0.58], [0.44, 0.46, 0.46], SCORE.model_copy(update={"baseline": 0.5})),
                          ["too_early"], "too early to tell"),
    "an error by chance": (Run([11.0] * 50, [14.5] * 50), ["not_learning"], "not learning"),
    "no baseline": (Run(plus(OWN, 0.2), OWN, PLAIN), ["learning"], "healthy"),
    "no baseline, rising": (Run(RISE, OWN, PLAIN), ["memorising"], "memorises"),
}  # fmt: skip


def test_there_are_forty_at_least() -> None:
    assert len(ROWS) >= 40


@pytest.mark.parametrize("name", ROWS)
def test_a_history_is_claimed_to_be_what_it_is(name: str) -> None:
    run, codes, label = ROWS[name]
    assert (run.codes(), run.quality().label) == (codes, label), [one.message for one in run.claims()]


@pytest.mark.parametrize("over", [False, True])
def test_where_new_ones_come_out_no_worse_that_is_said_in_words(over: bool) -> None:
    said = Run(OWN, plus(OWN, 0.3)).quality(over=over)
    assert (said.value, said.shown, said.label, said.colour) == (None, "no gap", "healthy", "green")
    assert "no worse than its own" in said.explained
    assert Run(plus(OWN, 0.2), OWN).quality(over=over).shown.startswith("0.9")


def test_what_new_ones_gain_while_its_own_do_not_is_said_to_be_chance() -> None:
    (found,) = ROWS["a score by chance"][0].claims()
    assert found.message.endswith("which may be chance: its own items come out no better than that.")
