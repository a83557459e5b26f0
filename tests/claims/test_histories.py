"""What is claimed of curves of every kind: one row a history."""

from __future__ import annotations

import math

import pytest

from engine.claims.verdict import until_when
from engine.sweet_range import SweetRange
from engine.tasks.vae.diagnosis import repeats
from tests.claims.histories import PLAIN, SCORE, SOUND, Reading, Run, falling, noisy, plus, turning

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
    "too diverse, and of its gap one cannot be sure": (
        Run([3.5, 0.9], [1.6, 0.15], files=0, se=1.0, kl=(3.0, 1.0)), ["too_diverse", "gap_unsure"], "too diverse"
    ),
    "repeating": (Run(plus(OWN, 0.2), OWN, memory=NEAR), ["repeats"], "it repeats"),
    "repeating and memorising": (Run(RISE, OWN, memory=NEAR), ["repeats", "memorising"], "it repeats"),
    "repeating at rest": (Run([10.0, 8.0] + [6.0] * 40, [10.0, 8.0] + [5.9] * 40, memory=Reading(6.0, 12.0)),
                          ["repeats", "stagnation"], "it repeats"),
    "repeating what it learnt, worse than the average elsewhere": (
        Run([15.0] * 10, [9.0, 4.0] + [3.0] * 8, memory=NEAR), ["repeats"], "it repeats"),
    "the same at rest": (Run([15.0] * 50, [9.0, 4.0] + [3.0] * 48, memory=NEAR), ["repeats"], "it repeats"),
    "near, as all that is blurred": (Run([8.5, 8.0, 7.8], [7.8, 7.3, 7.1], memory=Reading(7.8, 10.4)),
                                     ["learning", "blurred"], "healthy"),
    "near, but nothing is learnt": (Run([16.0, 15.9], [16.0, 15.9], memory=Reading(3.0, 9.5)),
                                    ["too_early", "blurred"], "too early to tell"),
    "near, not as near as its copies": (Run(falling(12, 9, 4), falling(12, 8.8, 3.8), memory=Reading(7.8, 10.4)),
                                        ["learning", "new"], "healthy"),
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


# What the memorisation meter and the copies of its own sounds measured in runs of the sound task (8 channels, presets
# aggressive without variations or the default, 3 to 20 files): samples_db, held_out_db, train_recon_db.
MEMORISING = [(4.93, 9.47, 4.35), (4.76, 9.47, 3.87), (4.19, 6.66, 3.13), (3.91, 6.66, 2.97), (4.03, 6.66, 2.8),
              (5.24, 8.75, 3.99), (4.53, 8.75, 3.02), (5.21, 12.06, 3.4), (7.81, 11.31, 4.38)]  # fmt: skip
BEGINNING = [(2.97, 9.47, 22.33), (6.08, 8.21, 12.47), (4.84, 6.66, 10.62), (4.68, 9.37, 17.4), (4.81, 8.75, 15.9),
             (4.51, 12.06, 25.96), (4.21, 11.31, 19.55)]  # fmt: skip
LEARNING = [(7.43, 8.21, 4.76), (7.52, 8.21, 5.33), (7.61, 9.37, 9.63), (7.56, 9.37, 4.16), (7.75, 9.37, 4.06),
            (6.54, 5.69, 4.77), (8.84, 4.39, 6.87),
            (7.8, 10.4, 7.1)]  # fmt: skip


def test_what_was_measured_of_runs_that_memorise_is_repetition_and_of_others_none() -> None:
    assert all(repeats(*measured) for measured in MEMORISING)
    assert not any(repeats(*measured) for measured in BEGINNING + LEARNING)
    assert not any(repeats(*(NAN if place == lost else 1.0 for place in range(3))) for lost in range(3))


@pytest.mark.parametrize(
    ("memory", "own", "said"),
    [
        (Reading(4.8, 9.5), 3.9, "What it makes comes nearer to the sounds it learnt (4.8 dB to the nearest) than "
         "unheard sounds do (9.5 dB); its copies of them are 3.9 dB off on average. The nearest"),
        (Reading(7.8, 10.4), 7.1, "(7.8 dB to the nearest) than unheard sounds do (10.4 dB), but its copies of them "
         "are 7.1 dB off on average, too far to tell a copy from a blur. The nearest"),
        (Reading(7.8, 10.4), 4.0, "than unheard sounds do (10.4 dB), but not as near as its copies of them (4.0 dB "
         "on average)."),
        (Reading(6.4, 6.4), 3.0, "it lies as far from the sounds it learnt (6.4 dB to the nearest) as unheard sounds "
         "do (6.4 dB)."),
        (AWAY, 3.0, "it lies farther from the sounds it learnt (11.8 dB to the nearest) than unheard sounds do "
         "(8.1 dB)."),
    ],
)  # fmt: skip
def test_the_two_distances_stand_in_a_whole_sentence(memory: Reading, own: float, said: str) -> None:
    run = Run([own + 0.1] * 3, [own] * 3, memory=memory)
    (told,) = [one.message for one in run.claims() if one.file is not None]
    assert said in told


def test_a_run_whose_best_epoch_is_its_last_is_not_compared_with_itself() -> None:
    run = Run([6.0 - 0.002 * place for place in range(12)])
    evidence = run.evidence()
    assert evidence is not None and evidence.best_epoch == evidence.epoch == 12 and run.codes() == ["level"]
    for over, said in ((False, "have come out hardly better since epoch 1."), (True, "came out hardly better after")):
        (found,) = run.claims(over=over)
        assert said in found.message and "at their best" not in found.message


def test_how_long_it_learnt_does_not_contradict_its_sweet_range() -> None:
    alike = SweetRange(27, 8, 27, 8, True, False, 0.0, 0.2)
    evidence = Run(falling(27), sweet=alike).evidence()
    assert evidence is not None
    known = evidence.model_copy(update={"moved": 24, "late_gain": 0.0})
    said = until_when(known, SOUND)
    assert said == "New sounds came out better up to epoch 27, from epoch 8 on by too little to be sure."
    alone = known.model_copy(update={"sweet_range": None, "moved": 26})
    assert until_when(alone, SOUND) == "It was learning up to epoch 26."


@pytest.mark.parametrize(("first", "further"), [(26, "move its sweet range on."), (30, "go further.")])
def test_what_still_improved_moves_the_range_that_stands_beside_it(first: int, further: str) -> None:
    known = Run(falling(30), sweet=SweetRange(30, first, 30, 6, True, False, 0.0, 0.1, 0.0)).evidence()
    assert known is not None
    still = known.model_copy(update={"moved": 30, "late_gain": 1.0, "noise": 0.0})
    assert until_when(still, SOUND) == f"It was still improving at epoch 30: a longer run may {further}"
