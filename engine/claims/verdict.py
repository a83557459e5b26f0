"""What the evidence says of learning: exactly one finding on how it goes, and whether it is at rest."""

from __future__ import annotations

import math

from engine.claims.evidence import LATE_PART, SIGMAS, beyond, interval, worse
from engine.claims.figures import amount, better, figure, give_or_take
from engine.claims.kinds import Finding, say
from engine.curves import (
    CLEAR_PART,
    FEWEST_FILES,
    LEARNED_SOMETHING,
    NOTHING_LEFT,
    OVERFITTING_GAP,
    STAGNATION_EPOCHS,
    better_than_baseline,
)
from engine.quantities import counted
from engine.rundir.findings import Diagnosis, Evidence, SweetRange
from engine.rundir.record import Monitor
from engine.rundir.view import RunView

PAST_EPOCHS = 3
FAR_GAP = 0.5
LATELY_EPOCHS = 5


def findings(evidence: Evidence | None, monitor: Monitor, *, over: bool = False) -> list[Finding]:
    """On how learning goes; nothing before the first epoch.

    over: nothing learns any more, so the same findings say how it went. Their codes do not depend on it.
    """
    if evidence is None:
        return []
    if not math.isfinite(evidence.now) or evidence.sweet_range is None:
        return [_not_a_number(monitor, over)]
    if evidence.best is None:
        return []
    if too_early(evidence, monitor):
        return [_early(evidence, monitor, over)]
    if few_files(evidence):
        return [_few_files(evidence, monitor, over)]
    if behind(evidence):
        return [_worsens(evidence, monitor, over)]
    return [_apart(evidence, monitor, over) or _going_on(evidence, monitor, over), *_at_rest(evidence, monitor)]


def as_told(view: RunView) -> list[Diagnosis]:
    """What was found in a run, in the tense that its state asks for: its last word may be that of a process that died.

    Every place that shows findings shows these.
    """
    status, run = view.status, view.run
    if status is None or run is None or view.state.live:
        return [] if status is None else status.diagnosis
    past = {one.kind.code: one.record for one in findings(status.evidence, run.monitor, over=True)}
    return [past.get(one.code, one) for one in status.diagnosis]


def too_early(evidence: Evidence, monitor: Monitor) -> bool:
    """Whether the best epoch is hardly better yet than the baseline, or may be so by chance."""
    gain = gain_of(evidence.best, monitor)
    return gain is not None and (gain < LEARNED_SOMETHING or by_chance(evidence, monitor))


def by_chance(evidence: Evidence, monitor: Monitor) -> bool:
    """Whether not even its own come out better than the baseline: what new ones gain then was not learnt."""
    gain = gain_of(evidence.own_smoothed, monitor)
    return gain is not None and gain <= 0


def gain_of(value: float | None, monitor: Monitor) -> float | None:
    """How much better than the baseline a value of the monitored metric is, as a fraction; None without either."""
    return None if value is None else better_than_baseline(value, monitor.baseline, monitor.better)


def few_files(evidence: Evidence) -> bool:
    """Whether one or two held-out files check it, which cannot tell."""
    return 0 < evidence.files < FEWEST_FILES


def behind(evidence: Evidence) -> bool:
    """Whether the sweet range lies behind: in pairs, or by the curve where nobody can tell the files apart."""
    pairs = _in_pairs(evidence)
    return pairs.behind if pairs else _behind_by_curve(evidence)


def _in_pairs(evidence: Evidence) -> SweetRange | None:
    """The sweet range where files were compared one by one."""
    sweet = evidence.sweet_range
    return sweet if sweet is not None and sweet.certain else None


def _behind_by_curve(evidence: Evidence) -> bool:
    """Past the best for some epochs, by more than jitter, the files' scatter and a fiftieth."""
    by, best = evidence.worse_by, evidence.best
    if by is None or best is None or evidence.epoch - (evidence.best_epoch or 0) < PAST_EPOCHS:
        return False
    # Both epochs are checked with the same files, which err alike in both: their difference is surer than either
    # figure, so one standard error of the figure does where two of the difference's own would.
    return by > max(SIGMAS * evidence.noise, evidence.standard_error or 0.0, CLEAR_PART * abs(best))


def own_improves(evidence: Evidence) -> bool:
    """Whether its own come out better than at the best epoch, beyond noise."""
    return beyond(evidence.own_better_by, evidence.own_noise, evidence.own_smoothed)


def still_improves(evidence: Evidence) -> bool:
    """Whether new ones came out better in the last fifth of the epochs, beyond noise."""
    return beyond(evidence.late_gain, evidence.noise, evidence.smoothed)


def compare(evidence: Evidence, monitor: Monitor) -> str:
    """Which epochs to compare by ear or eye: the sweet range and what lies around it."""
    best, pairs = evidence.best_epoch, _in_pairs(evidence)
    assert best is not None
    first = min(pairs.first if pairs else best, max(1, best - 6))
    last = max(pairs.last if pairs else best, min(evidence.epoch, best + 4))
    sweet = f": the sweet range is {pairs.first} to {pairs.last}" if pairs and pairs.first < pairs.last else ""
    return f"{monitor.nouns.compare} epochs {first} to {last}{sweet}."


def _not_a_number(monitor: Monitor, over: bool) -> Finding:
    again = "Start" if over else "If it does not recover, start"
    return say(
        "not_a_number",
        f"The last check on new {monitor.nouns.items} gave no number. {again} again with a lower learning rate.",
    )


def _early(evidence: Evidence, monitor: Monitor, over: bool) -> Finding:
    gain = gain_of(evidence.best, monitor)
    assert gain is not None
    far = f"at its best {better(gain, monitor)} than the average {monitor.nouns.item}"
    if by_chance(evidence, monitor):
        far += f", which may be chance: its own {monitor.nouns.items} come out no better than that"
    if _rests(evidence):
        return say(
            "not_learning",
            f"It hardly {'learnt' if over else 'learns'}. After {counted(evidence.epoch, 'epoch')}, {far}, and nothing "
            "has improved notably for "
            f"{counted(evidence.epoch - (evidence.moved or 0), 'epoch')}. More {monitor.nouns.more} or another "
            "learning rate may help.",
            evidence.moved,
        )
    when = f"Epoch {evidence.epoch} is too" if over else "Too"
    more = f" More time or more {monitor.nouns.more} may help." if over and gain < 0 else ""
    return say("too_early", f"{when} early to tell: {far}.{more}")


def _few_files(evidence: Evidence, monitor: Monitor, over: bool) -> Finding:
    items = monitor.nouns.items
    checking = f"one of the {items} checks" if evidence.files == 1 else f"{evidence.files} {items} check"
    return say(
        "few_files",
        f"It cannot tell where the sweet spot lies, nor whether it memorises: only {checking} it. Its "
        f"{_best(evidence, monitor, over)}, which says little. Compare the previews yourself.",
    )


def _worsens(evidence: Evidence, monitor: Monitor, over: bool) -> Finding:
    """Past the best beyond noise: what its own did meanwhile says what it is."""
    items, unit = monitor.nouns.items, monitor.unit
    best, pairs = evidence.best_epoch, _in_pairs(evidence)
    since = pairs.last if pairs else best
    by = amount((pairs.worse_by if pairs else evidence.worse_by) or 0.0, unit)
    by += _give(interval(pairs.standard_error, pairs.files) if pairs else None, unit, " ({})")
    own = evidence.own_better_by or 0.0
    if own_improves(evidence):
        return say(
            "memorising",
            f"It memorises. New {items} come out worse than at epoch {best}, by about {by}, while its own come out "
            f"better, by about {amount(own, unit)}. {compare(evidence, monitor)}",
            since,
        )
    if beyond(-own, evidence.own_noise, evidence.own_smoothed):
        return say(
            "unstable",
            f"It {'got' if over else 'gets'} worse. New {items} come out worse than at epoch {best}, by about {by}, "
            f"and its own too, by about {amount(-own, unit)}. A lower learning rate may help.",
            since,
        )
    return say(
        "past",
        f"It {'went' if over else 'is'} past its best. New {items} come out worse than at epoch {best}, by about {by}. "
        f"{compare(evidence, monitor)}",
        since,
    )


def _apart(evidence: Evidence, monitor: Monitor, over: bool) -> Finding | None:
    """Its own come out better than new ones by more than a fifth."""
    if evidence.gap is None or evidence.own is None or evidence.gap <= OVERFITTING_GAP:
        return None
    nouns, unit = monitor.nouns, monitor.unit
    apart = worse(evidence.own, evidence.now, monitor)
    # Its own are other files: nothing cancels, and two standard errors are the 95 % of many files.
    if evidence.standard_error is not None and apart < SIGMAS * evidence.standard_error:
        return say(
            "gap_unsure",
            f"Its own {nouns.items} come out better than new ones {_by_now(evidence, over)} "
            f"({figure(evidence.own, unit)} against {_with_interval(evidence, unit)}), but "
            f"the new ones differ too much among themselves to be sure. Its {_best(evidence, monitor, over)}.",
        )
    gain = gain_of(evidence.now, monitor)
    be = "are still" if monitor.better == "lower" else "still have"
    still = f" New ones {be} {better(gain, monitor)} than the average {nouns.item}." if gain is not None else ""
    far = "far better" if evidence.gap > FAR_GAP else "better"
    return say(
        "gap",
        f"It knows its own {nouns.items} {far} than new ones: {figure(evidence.own, unit)} against "
        f"{figure(evidence.now, unit)}.{still} They have not clearly come out worse since their best; more "
        f"{nouns.more} would help most.",
    )


def _going_on(evidence: Evidence, monitor: Monitor, over: bool) -> Finding:
    items, best = monitor.nouns.items, _best(evidence, monitor, over)
    if evidence.epoch - (evidence.moved or 0) < LATELY_EPOCHS or still_improves(evidence):
        return say("learning", f"{until_when(evidence, monitor) if over else 'It is learning.'} Its {best}.")
    if evidence.best_epoch == evidence.epoch:  # its best is now: as well as then says nothing
        little = f"hardly better {'after' if over else 'since'} epoch {evidence.moved or 1}"
        return say("level", f"New {items} {'came' if over else 'have come'} out {little}. The {best}.")
    when = f" at epoch {evidence.epoch}" if over else ""
    return say("level", f"New {items} come out about as well{when} as at their best. The {best}.")


def until_when(evidence: Evidence, monitor: Monitor) -> str:
    """Until when it improved, as it is said once nothing learns any more."""
    moved, pairs = evidence.moved or evidence.epoch, _in_pairs(evidence)
    if evidence.moved is not None and evidence.moved <= LATE_PART * evidence.epoch:
        return f"Little changed after epoch {evidence.moved}."
    if still_improves(evidence):
        further = "move its sweet range on" if pairs is not None and pairs.first < pairs.last else "go further"
        return f"It was still improving at epoch {evidence.epoch}: a longer run may {further}."
    last = max(moved, evidence.best_epoch or 0)
    if pairs is not None and pairs.first < last:
        sure = f"from epoch {pairs.first} on by too little to be sure"
        return f"New {monitor.nouns.items} came out better up to epoch {last}, {sure}."
    return f"It was learning up to epoch {last}."


def _by_now(evidence: Evidence, over: bool) -> str:
    return f"at epoch {evidence.epoch}" if over else "so far"


def _best(evidence: Evidence, monitor: Monitor, over: bool) -> str:
    give = _give(interval(evidence.best_standard_error, evidence.files), monitor.unit)
    name = "best" if over else "best so far"
    pairs = _in_pairs(evidence)
    sweet = f", in a sweet range of {pairs.first} to {pairs.last}" if pairs and pairs.first < pairs.last else ""
    return f"{name} was epoch {evidence.best_epoch}, {figure(evidence.best, monitor.unit)}{give}{sweet}"


def _give(by: float | None, unit: str, put: str = " {}") -> str:
    """How far a figure before it may be off: half its 95 % interval; "" where that is not known."""
    return "" if by is None else put.format(f"give or take {amount(by, unit)}")


def _with_interval(evidence: Evidence, unit: str) -> str:
    return give_or_take(evidence.now, interval(evidence.standard_error, evidence.files), unit)


def _at_rest(evidence: Evidence, monitor: Monitor) -> list[Finding]:
    if not _rests(evidence):
        return []
    assert evidence.moved is not None
    return [
        say(
            "stagnation",
            f"New {monitor.nouns.items} have not come out notably better for "
            f"{counted(evidence.epoch - evidence.moved, 'epoch')}. More time is unlikely to help.",
            evidence.moved,
        )
    ]


def _rests(evidence: Evidence) -> bool:
    """Nothing has moved for long, and something is left to gain."""
    if evidence.moved is None or evidence.epoch - evidence.moved < STAGNATION_EPOCHS:
        return False
    return evidence.left is None or abs(evidence.left) > NOTHING_LEFT
