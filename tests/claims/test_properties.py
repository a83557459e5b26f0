"""What holds of every claim, whatever the curves."""

from __future__ import annotations

import math
import random
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.claims.advice import Kept, diverged, kept, lower_rate, what_is_kept
from engine.claims.evidence import SIGMAS, interval
from engine.claims.figures import amount, figure, percent, typed
from engine.claims.headline import headline
from engine.claims.kinds import KINDS, WORSENS, kind_of, verdict
from engine.claims.quality import quality_of
from engine.claims.verdict import as_told
from engine.curves import NOTABLE_PART, better_than_baseline
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.liveness import Liveness
from engine.rundir.record import Monitor
from engine.rundir.status import Best, ErrorInfo, State, Status
from engine.rundir.view import RunView, ShownState
from tests.app.library import record
from tests.claims.histories import PLAIN, SOUND, Reading, Run

REAL = st.floats(0.01, 40)
ANY = st.one_of(REAL, st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -3.0, 1e300, 1e-300]))


SPECIAL = (math.nan, math.inf, -math.inf, 0.0, -3.0, 1e300, 1e-300)


def wander(drawn: random.Random, count: int, begin: float, strange: bool) -> list[float]:
    """A curve that drifts, jitters and turns; strange: with figures in it that are none."""
    level, out = begin, []
    pace, drift, turn = drawn.choice([0.0, 0.02, 0.2, 1.0]), drawn.uniform(-0.3, 0.3), drawn.randint(0, 60)
    for place in range(count):
        level = max(0.01, level + (drift if place < turn else -drift) + pace * drawn.gauss(0, 1))
        out.append(drawn.choice(SPECIAL) if strange and drawn.random() < 0.1 else level)
    return out


@st.composite
def runs(draw: st.DrawFn, strange: bool = False) -> Run:
    """Curves for new ones and its own, with any meter, divergence and number of files."""
    count, drawn = draw(st.integers(0, 60)), random.Random(draw(st.integers(0, 2**32)))
    values = ANY if strange else REAL
    begin = drawn.uniform(0.5, 20)
    own = wander(drawn, count, begin, strange) if draw(st.booleans()) else None
    meter = draw(st.none() | st.builds(Reading, values, values, st.just("a b.wav"), values))
    return Run(
        wander(drawn, count, begin, strange), own, draw(st.sampled_from([SOUND, PLAIN])), draw(st.integers(0, 40)),
        draw(st.none() | st.floats(0, 2)), meter, (draw(values), draw(values)), draw(st.floats(0, 1)),
    )  # fmt: skip


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![\w.-])\d+(?:\.\d+)?", text))


def shown(evidence: Evidence, monitor: Monitor) -> set[str]:
    """Every way in which a recorded figure may stand in a sentence."""
    recorded = evidence.model_dump()
    pairs = evidence.sweet_range
    values = [
        value for value in (*recorded.values(), *(recorded["sweet_range"] or {}).values()) if isinstance(value, float)
    ]
    errors = [(evidence.best_standard_error, evidence.files), (evidence.standard_error, evidence.files)]
    errors += [(pairs.standard_error, pairs.files)] if pairs else []
    values += [by for error in errors if (by := interval(*error)) is not None]
    said = [write(abs(value), monitor.unit) for value in values for write in (figure, amount)]
    for value in (evidence.best, evidence.now):
        gain = None if value is None else better_than_baseline(value, monitor.baseline, monitor.better)
        said += [] if gain is None else [percent(abs(gain))]
    best, epoch = evidence.best_epoch or 0, evidence.epoch
    moved = evidence.moved or 0
    whole = {epoch, best, evidence.files, moved or 1, epoch - moved, max(1, best - 6), min(epoch, best + 4),
             pairs.first if pairs else 0, pairs.last if pairs else 0}  # fmt: skip
    return {number for text in said for number in numbers(text)} | {str(number) for number in whole}


OF_CURVES = {"not_learning", "memorising", "unstable", "past", "few_files", "too_early", "gap", "gap_unsure", "level",
             "learning", "stagnation"}  # fmt: skip


@settings(max_examples=60)
@given(runs())
def test_every_number_is_a_recorded_one(run: Run) -> None:
    evidence = run.evidence()
    for one in run.claims():
        if evidence is not None and one.code in OF_CURVES:
            assert numbers(one.message) <= shown(evidence, run.monitor), (one.message, evidence)


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@settings(max_examples=60)
@given(runs())
def test_its_own_come_out_better_only_where_their_curve_fell(run: Run) -> None:
    evidence, claims = run.evidence(), {one.code: one for one in run.claims()}
    if evidence is None or run.own is None or not {"memorising", "unstable"} & claims.keys():
        return
    best = evidence.best_epoch
    assert best is not None
    change = mean(list(run.own[-3:])) - mean(list(run.own[: best + 1][-3:]))
    margin = max(SIGMAS * evidence.own_noise, NOTABLE_PART * abs(evidence.own_smoothed or 0.0))
    assert change < -margin if "memorising" in claims else change > margin


@settings(max_examples=60)
@given(runs())
def test_what_is_worse_is_worse_beyond_noise_and_never_of_one_or_two(run: Run) -> None:
    evidence, codes = run.evidence(), set(run.codes())
    if codes & WORSENS:
        assert evidence is not None and evidence.worse_by is not None and run.files not in (1, 2)
        assert evidence.worse_by > SIGMAS * evidence.noise and evidence.worse_by > (evidence.standard_error or 0.0)


CONTRADICTIONS = [
    ({"learning", "level"}, {"stagnation", "memorising", "past", "unstable", "repeats", "collapsed", "not_learning",
                             "too_early", "few_files", "not_a_number", "too_diverse"}),
    ({"new"}, {"repeats", "collapsed", "too_early", "not_learning"}),
    ({"few_files"}, {"memorising", "past", "unstable", "gap", "stagnation", "too_diverse"}),
    ({"too_early"}, {"stagnation", "gap", "memorising", "not_learning"}),
    ({"stagnation"}, {"memorising", "past", "unstable", "collapsed"}),
    ({"repeats"}, {"too_early", "not_learning"}),
]  # fmt: skip
ADVERSE = {"memorising", "past", "unstable", "repeats", "collapsed", "not_a_number", "too_diverse"}
# What the message of a run that is done may not say beside any of these findings.
NOT_BESIDE = {
    "Everything it was to learn": set(OF_CURVES) | ADVERSE,
    "More time or more": ADVERSE | {"stagnation", "not_learning", "few_files", "learning", "level"},
    "a longer run may go further": ADVERSE | {"stagnation", "too_early", "not_learning", "few_files"},
    "It was best at its very end": ADVERSE | {"too_early", "not_learning", "few_files"},
    "It was learning": ADVERSE | {"stagnation", "too_early", "not_learning", "few_files"},
    "Later epochs came out no better": ADVERSE | {"too_early", "not_learning", "few_files"},
    "too early to tell": ADVERSE | {"learning", "level", "stagnation", "not_learning"},
    "It repeats": {"new", "collapsed", "too_early", "not_learning"},
}


@settings(max_examples=60)
@given(runs(strange=True))
def test_no_two_findings_contradict_one_another_and_none_is_green_beside_a_warning(run: Run) -> None:
    codes = set(run.codes())
    for some, others in CONTRADICTIONS:
        assert not (codes & some and codes & others), codes
    judged, said = verdict(run.claims()), run.quality()
    warned = any(one.severity == "warning" for one in run.claims())
    assert not (warned and said.colour == "green"), (codes, said)
    assert judged is None or judged == run.claims()[0], "the first one recorded is the verdict"
    for one in (said, run.quality(over=True)):
        assert one.shown not in ("0.00", "1.00"), "a clamped number says nothing"


@settings(max_examples=200)
@given(runs(strange=True))
def test_the_message_of_a_run_that_is_done_says_what_its_verdict_and_its_findings_say(run: Run) -> None:
    status = status_of(run, state=State.COMPLETED)
    shown = view(ShownState.COMPLETED, status, run=record("r", monitor=run.monitor))
    said, told = headline(shown, Kept), as_told(shown)
    judged, chip = verdict(told), quality_of(shown)
    if said is None or judged is None or status.evidence is None:
        return
    codes = {one.code for one in told}
    for words, never in NOT_BESIDE.items():
        assert words not in said.message or not codes & never, (said.message, codes)
    kind = kind_of(judged)
    assert said.severity == ("good" if judged.code == "stagnation" else kind.severity), (said, judged)
    assert chip is not None and chip.label in {kind.label, kind.later, "knows its own better", "parts later",
                                               "not measured"}, (chip, judged)  # fmt: skip
    if kind.severity == "warning" and judged.code not in WORSENS | {"stagnation", "gap"}:
        assert judged.message in said.message


def test_a_run_that_learnt_nothing_is_told_of_in_one_voice() -> None:
    """Of runs worse than the average all along: what chip, findings and message say."""
    early, at_rest = Run([16.0, 15.0] * 5, [16.0, 15.5] * 5), Run([15.0] * 50, [15.0] * 50)
    repeating = Run([15.0] * 10, [4.0] * 10, memory=Reading(4.0, 12.0))
    for run, label, words in (
        (early, "too early to tell", "Done. Epoch 10 is too early to tell: at its best"),
        (at_rest, "not learning", "Done. It hardly learnt."),
        (repeating, "it repeats", "Done. It repeats."),
    ):
        status = status_of(run, state=State.COMPLETED)
        shown = view(ShownState.COMPLETED, status, run=record("r", monitor=run.monitor))
        said, chip = headline(shown, Kept), quality_of(shown)
        assert said is not None and said.message.startswith(words) and chip is not None and chip.label == label
        assert ("More time or more recordings may help." in said.message) == (run is early)


@given(
    st.lists(
        st.builds(
            Diagnosis,
            code=st.text(max_size=9) | st.sampled_from(sorted(KINDS)),
            severity=st.sampled_from(["info", "good", "warning", "error"]),
            message=st.text(max_size=9),
        )
    )
)
def test_findings_of_another_version_are_taken_in(found: list[Diagnosis]) -> None:  # fmt: skip
    assert verdict(found) == (found[0] if found else None), "the first that is recorded, whatever its code"
    assert all(kind_of(one).label for one in found)


def view(state: ShownState, status: Status | None, **changes: Any) -> RunView:
    return RunView("r", "r", state, Liveness.DEAD, False, False, changes.get("run", record("r")), status, None)


def status_of(run: Run, **changes: Any) -> Status:
    evidence = run.evidence()
    place = evidence.best_epoch if evidence and evidence.best_epoch else run.first
    best = Best(metric="m", value=1.0, raw=run.val[place - run.first], epoch=place, step=1) if run.val else None
    values = {"session": "s", "state": State.RUNNING, "epoch": len(run.val), "step": 10 * len(run.val), "best": best,
              "evidence": evidence, "diagnosis": run.claims()}  # fmt: skip
    return Status.model_validate(values | changes)


@settings(max_examples=50)
@given(
    runs(strange=True),
    st.sampled_from(list(ShownState)),
    st.booleans(),
    st.booleans(),
    st.builds(Kept, st.none() | st.integers(1, 99), st.none() | st.integers(1, 99))
    | st.builds(Kept, usable=st.lists(st.integers(0, 99), unique=True, max_size=9).map(sorted).map(tuple)),
)
def test_every_state_has_its_sentence_and_none_raises(
    run: Run, state: ShownState, told: bool, known: bool, files: Kept
) -> None:  # fmt: skip
    error = ErrorInfo(kind="x", cause="The loss became NaN.", remedy="Wait.") if told else None
    status = status_of(run, error=error)
    recorded = record("r", monitor=run.monitor) if known else None
    for one in (status, None):
        said = headline(view(state, one, run=recorded), lambda: files)
        if said is not None:
            assert said.message and "None" not in said.message and "  " not in said.message
            assert "kept" not in said.message or files != Kept() or "Nothing is kept" in said.message
    run.quality(over=True)


@given(st.floats(1e-300, 1e300))
def test_a_rate_to_try_is_sane_and_can_be_typed(rate: float) -> None:
    tried = lower_rate(rate)
    assert 0 < tried <= 2e-3 and tried <= rate / 2
    text = diverged(rate).rsplit(" ", 1)[1].rstrip(".")
    assert len(text) <= 10 and math.isclose(float(text), tried, rel_tol=0.05)


def test_rates_as_one_types_them() -> None:
    assert [typed(rate) for rate in (2.5e-4, 2e-3, 5e-7, 1.23456e-3, 1.0)] == [
        "0.00025",
        "0.002",
        "5e-7",
        "0.0012",
        "1",
    ]
    assert "--learning-rate 0.002." in diverged(1e9)


def test_nothing_is_kept_where_nothing_verifies() -> None:
    assert kept([], []) == Kept() and "Nothing is kept" in what_is_kept(Kept())
    assert "best state, of epoch 3, is kept" in what_is_kept(Kept(best=3))


@pytest.mark.parametrize(
    ("usable", "said"),
    [((2,), "by epoch 2 can"), ((0, 2), "by epochs 0 and 2 can"), (tuple(range(9)), "by 9 epochs, from 0 to 8, can")],
)
def test_weights_that_can_be_used_are_said_where_no_checkpoint_is_kept(usable: tuple[int, ...], said: str) -> None:
    error = ErrorInfo(kind="StorageError", cause="The disk refused.", remedy="Free some space.")
    status = status_of(Run((1.0, 2.0)), error=error)
    for state in (ShownState.FAILED, ShownState.CRASHED, ShownState.CANCELLED):
        shown = headline(view(state, status), lambda: Kept(usable=usable))
        assert shown is not None
        assert "No checkpoint is kept to go on from." in shown.message
        assert f"What it had learnt {said} be used." in shown.message
        assert "Nothing" not in shown.message
        shown = headline(view(state, status), lambda: Kept(best=1, usable=usable))
        assert shown is not None and "Nothing" not in shown.message
        assert "No checkpoint is kept to go on from, but the best state, of epoch 1, is." in shown.message
        assert f"What it had learnt {said} be used." in shown.message
