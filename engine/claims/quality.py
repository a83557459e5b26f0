"""The beginner's figure: 1 - overfitting gap where that says something, words where it does not.

Its label and colour are those of the run's verdict, so that no green "healthy" stands beside a warning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.claims.figures import figure
from engine.claims.kinds import KINDS, NOT_MEASURED, NOTHING_YET, WORSENS, Kind, kind_of, verdict
from engine.curves import OVERFITTING_GAP
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.record import Monitor
from engine.rundir.view import RunView, ShownState

GOOD, FAIR = 0.8, 0.5
NO_GAP = 0.005  # what two decimals no longer tell from none, nor 1 minus it from nothing left
_MEASURED = frozenset({"learning", "level", "stagnation", "gap", "gap_unsure"}) | WORSENS


@dataclass(frozen=True)
class Quality:
    """value: 0 to 1, None where it says nothing. shown: the value, or words in its place. label, colour: the verdict's.

    explained: what the figure means here, in a sentence or two.
    """

    value: float | None
    shown: str
    label: str
    colour: str
    explained: str


def of_gap(gap: float) -> float:
    """1 - gap, clamped to 0...1: 1 is no gap at all."""
    return min(1.0, max(0.0, 1.0 - gap))


def quality_of(view: RunView) -> Quality | None:
    """That of a run as it is looked at; None before there is one. After a failure nothing is healthy."""
    if view.status is None or view.run is None:
        return None
    over = view.state is ShownState.COMPLETED
    judged = quality(view.status.evidence, view.status.diagnosis, view.run.monitor, over=over)
    if view.state is ShownState.FAILED and judged.colour == "green":
        return replace(judged, label="until it failed", colour="gray")
    return judged


def quality(evidence: Evidence | None, found: Sequence[Diagnosis], monitor: Monitor, *, over: bool = False) -> Quality:
    """At the last epoch; of a run that is over, at its best one."""
    judged = verdict(found)
    code, kind = (judged.code, kind_of(judged)) if judged else ("", NOTHING_YET)
    gap = None if evidence is None else evidence.best_gap if over else evidence.gap
    unknown = gap is None or not math.isfinite(gap)
    if unknown and kind.severity == "good":
        kind = NOT_MEASURED
    if gap is None or unknown or code not in _MEASURED:
        return Quality(None, "–", kind.label, kind.colour, _scale(monitor))
    if over and gap > OVERFITTING_GAP and kind.severity == "good":
        code, kind = "gap", KINDS["gap"]
    value = of_gap(gap)
    if gap < NO_GAP:
        why = f"{_scale(monitor)} {_no_gap(evidence, monitor, over)}"
        return Quality(None, "no gap", _label(kind, code, gap, over), _worst(kind.colour, "green"), why)
    label = _label(kind, code, gap, over)
    worsening = code in WORSENS and not over
    if value >= FAIR or (worsening and value > NO_GAP):
        return Quality(value, f"{value:.2f}", label, _worst(kind.colour, _colour_of(value)), _scale(monitor))
    colour = "red" if worsening else kind.colour
    return Quality(None, "far apart", label, colour, f"{_scale(monitor)} {_too_far(evidence, monitor)}")


def _label(kind: Kind, code: str, gap: float, over: bool) -> str:
    later = over and kind.later and (code in WORSENS or gap <= OVERFITTING_GAP)
    return kind.later if later else kind.label


def _colour_of(value: float) -> str:
    return "green" if value >= GOOD else "yellow" if value >= FAIR else "red"


def _worst(of_kind: str, of_value: str) -> str:
    """Of two colours the one that asks for more care; grey says nothing either way and stays."""
    return "gray" if of_kind == "gray" else max(of_kind, of_value, key=("green", "yellow", "red").index)


def _scale(monitor: Monitor) -> str:
    items = monitor.nouns.items
    if monitor.better == "lower":
        return f"1 when new {items} come out as well as its own, 0 when their error is twice as large or more."
    return (
        f"1 when new {items} score as well as its own, 0.5 when half as well. The scores are compared, not what they "
        f"lack to 1: the {monitor.nouns.lacks} may differ by more."
    )


def _no_gap(evidence: Evidence | None, monitor: Monitor, over: bool) -> str:
    """What stands there where the scale begins: a gap below zero is no better than none."""
    items = monitor.nouns.items
    if evidence is None or over or evidence.own is None:
        return f"Here new {items} come out no worse than its own."
    pair = f"{figure(evidence.now, monitor.unit)} on new {items}, {figure(evidence.own, monitor.unit)} on its own"
    return f"Here new {items} come out no worse than its own, smoothed over the last epochs: {pair} at the last one."


def _too_far(evidence: Evidence | None, monitor: Monitor) -> str:
    """What stands there where the scale ends."""
    if evidence is None or evidence.own is None:
        return ""
    items, unit = monitor.nouns.items, monitor.unit
    pair = f"{figure(evidence.now, unit)} on new {items}, {figure(evidence.own, unit)} on its own"
    return f"Here the two are too far apart for that: {pair} at the last epoch. The gap by epoch says more."
