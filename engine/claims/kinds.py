"""Every finding by its code: how serious it is and what a badge calls it. The order is the order of precedence.

A run's verdict is its first finding in this order: badge, chip, strip, message and report all follow that one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.rundir.schema import Diagnosis

Severity = Literal["info", "good", "warning", "error"]


@dataclass(frozen=True)
class Kind:
    """label: on a badge. later: the same beside the sweet spot of a run that is over. judges: may be the verdict.

    silences: codes that would contradict it, or say the same again, where both were found. quiet: its badge is grey,
    since what it warns of does no harm.
    """

    severity: Severity
    label: str
    later: str = ""
    judges: bool = True
    silences: frozenset[str] = frozenset()
    quiet: bool = False

    @property
    def colour(self) -> str:
        """Of its badge: red, yellow, green or gray."""
        return "gray" if self.quiet else _COLOURS[self.severity]


_COLOURS = {"error": "red", "warning": "yellow", "info": "gray", "good": "green"}

_GOING_ON = frozenset({"learning", "level"})
_OF_THE_GAP = frozenset({"gap", "gap_unsure"})

KINDS = {
    "not_a_number": Kind("warning", "not a number"),
    "collapsed": Kind(
        "warning", "carries nothing", silences=_GOING_ON | _OF_THE_GAP | {"new", "repeats", "too_diverse", "stagnation"}
    ),
    "not_learning": Kind("warning", "not learning", silences=frozenset({"new", "too_diverse"})),
    "repeats": Kind("warning", "it repeats", silences=_GOING_ON | {"new"}),
    "memorising": Kind("warning", "memorises", "memorises later"),
    "unstable": Kind("warning", "gets worse", "gets worse later"),
    "past": Kind("warning", "past its best", "gets worse later"),
    "few_files": Kind("info", "too few to tell", silences=frozenset({"too_diverse"})),
    "too_early": Kind("info", "too early to tell", silences=frozenset({"new", "too_diverse"})),
    "gap": Kind("warning", "knows its own better", "parts later"),
    "gap_unsure": Kind("info", "not certain"),
    "too_diverse": Kind("warning", "too diverse", silences=_GOING_ON),
    "stagnation": Kind("warning", "at rest", silences=_GOING_ON, quiet=True),
    "level": Kind("good", "healthy"),
    "learning": Kind("good", "healthy"),
    "idle_dims": Kind("info", "idle dimensions", judges=False),
    "new": Kind("good", "no copies", judges=False),
}
_RANK = {code: rank for rank, code in enumerate(KINDS)}
WORSENS = frozenset({"memorising", "unstable", "past"})
NOTHING_YET = Kind("info", "too early to tell")
NOT_MEASURED = Kind("info", "not measured")
_STRANGE = {severity: Kind(severity, "see the notes") for severity in ("error", "warning", "info", "good")}


def say(code: str, message: str, since: int | None = None, file: str | None = None) -> Diagnosis:
    """A finding; its severity is that of its code. file: the recording it names. ``KeyError`` for a code that is not in
    the table."""
    return Diagnosis(code=code, severity=KINDS[code].severity, message=message, since_epoch=since, file=file)


def settle(found: Iterable[Diagnosis]) -> list[Diagnosis]:
    """By precedence, without what a finding before it silences."""
    kept: list[Diagnosis] = []
    silent: set[str] = set()
    for one in sorted(found, key=_rank):
        if one.code not in silent:
            kept.append(one)
            silent |= kind_of(one).silences
    return kept


def kind_of(found: Diagnosis) -> Kind:
    """Its kind; a code from another version's run has what its severity says."""
    return KINDS.get(found.code) or _STRANGE[found.severity]


def verdict(found: Sequence[Diagnosis]) -> Diagnosis | None:
    """The one finding that judges the run; None before there is any."""
    return next((one for one in sorted(found, key=_rank) if kind_of(one).judges), None)


def _rank(found: Diagnosis) -> int:
    return _RANK.get(found.code, len(_RANK))
