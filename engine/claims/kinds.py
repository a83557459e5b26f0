"""What every task's runs are told of, by code: how serious it is and what a badge calls it, in the order of precedence.

A run's verdict is its first finding in this order: badge, chip, strip, message and report all follow that one. A task
brings findings of its own (:meth:`engine.task.Task.diagnose`), each with its kind, which says where it comes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from engine.rundir.findings import Diagnosis

Severity = Literal["info", "good", "warning", "error"]


@dataclass(frozen=True)
class Kind:
    """label: on a badge. later: the same beside the sweet spot of a run that is over. judges: may be the verdict.

    silences: codes that would contradict it, or say the same again, where both were found; silenced_by: the same said
    by the other one. quiet: its badge is grey, since what it warns of does no harm. memorises: it says that the run
    learns by heart. before: of a task's own kind the code in :data:`KINDS` that it precedes; empty: none, it is last.
    """

    code: str
    severity: Severity
    label: str
    later: str = ""
    judges: bool = True
    silences: frozenset[str] = frozenset()
    silenced_by: frozenset[str] = frozenset()
    quiet: bool = False
    memorises: bool = False
    before: str = ""

    @property
    def colour(self) -> str:
        """Of its badge: red, yellow, green or gray."""
        return "gray" if self.quiet else _COLOURS[self.severity]


_COLOURS = {"error": "red", "warning": "yellow", "info": "gray", "good": "green"}

GOING_ON = frozenset({"learning", "level"})
OF_THE_GAP = frozenset({"gap", "gap_unsure"})

_IN_ORDER = (
    Kind("not_a_number", "warning", "not a number"),
    Kind("not_learning", "warning", "not learning"),
    Kind("memorising", "warning", "memorises", "memorises later", memorises=True),
    Kind("unstable", "warning", "gets worse", "gets worse later"),
    Kind("past", "warning", "past its best", "gets worse later"),
    Kind("few_files", "info", "too few to tell"),
    Kind("too_early", "info", "too early to tell"),
    Kind("gap", "warning", "knows its own better", "parts later"),
    Kind("gap_unsure", "info", "not certain"),
    Kind("stagnation", "warning", "at rest", silences=GOING_ON, quiet=True),
    Kind("level", "good", "healthy"),
    Kind("learning", "good", "healthy"),
)
KINDS = {kind.code: kind for kind in _IN_ORDER}
_RANK = {code: rank for rank, code in enumerate(KINDS)}
WORSENS = frozenset({"memorising", "unstable", "past"})
NOTHING_YET = Kind("", "info", "too early to tell")
NOT_MEASURED = Kind("", "info", "not measured")
NO_LABEL = "see the notes"


class Finding(NamedTuple):
    """What was found, and of what kind it is; :attr:`record` is what status.json keeps of it.

    file: the recording it names.
    """

    kind: Kind
    message: str
    since: int | None = None
    file: str | None = None

    @property
    def record(self) -> Diagnosis:
        kind = self.kind
        return Diagnosis(
            code=kind.code, severity=kind.severity, message=self.message, since_epoch=self.since,
            label=kind.label, judges=kind.judges, memorises=kind.memorises, file=self.file,
        )  # fmt: skip


def say(code: str, message: str, since: int | None = None) -> Finding:
    """A finding of one of :data:`KINDS`; ``KeyError`` for a code that is not in the table."""
    return Finding(KINDS[code], message, since)


def settle(findings: Iterable[Finding]) -> list[Diagnosis]:
    """By precedence, without what another one silences that stands before it."""
    settled: list[Finding] = []
    for finding in sorted(findings, key=_rank):
        before = {earlier.kind.code for earlier in settled}
        silent = {code for earlier in settled for code in earlier.kind.silences}
        if finding.kind.code not in silent and not finding.kind.silenced_by & before:
            settled.append(finding)
    return [finding.record for finding in settled]


def kind_of(diagnosis: Diagnosis) -> Kind:
    """Its kind; of a task's own finding, or another version's, what its record says of it."""
    return KINDS.get(diagnosis.code) or Kind(
        diagnosis.code,
        diagnosis.severity,
        diagnosis.label or NO_LABEL,
        judges=diagnosis.judges,
        memorises=diagnosis.memorises,
    )


def verdict(diagnoses: Sequence[Diagnosis]) -> Diagnosis | None:
    """The one finding that judges the run, of those that :func:`settle` left in order; None before there is any."""
    return next((one for one in diagnoses if kind_of(one).judges), None)


def _rank(finding: Finding) -> float:
    """A task's own kind stands right before the general one that it names."""
    own, before = _RANK.get(finding.kind.code), finding.kind.before
    if own is not None:
        return own
    return _RANK[before] - 0.5 if before else len(_RANK)
