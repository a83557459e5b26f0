"""What can be said of the difference between two runs, and why where nothing can.

Held-out files differ from one another by far more than two runs do on the same file, so runs are compared **in pairs**,
file by file, each at its best epoch. The interval is that of Student's paired t-test (1908). It says how sure the
difference is on files like these; another seed of the same settings would move it as well, which one run cannot show.

Of several runs the best is held against each other one, and the best of many that are alike looks better than it is: so
the intervals are wide enough for all pairs among them together (Dunn 1961). Each pair keeps its own scatter: runs as
unlike as their settings have no common one, which Tukey's narrower intervals need (with one run that scatters five
times as much as nine others he would call alike runs apart 19 times in a hundred).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.curves import EQUAL_PART, FEWEST_FILES
from engine.printable import unmarked
from engine.quantities import apart, counted
from engine.rundir.record import Monitor
from engine.students_t import quantile

Floats = NDArray[np.float64]

FARTHEST = 1e39  # No model computes more: such a figure is damage, and its square no number.


@dataclass(frozen=True)
class Checked:
    """How a run came out at its best epoch.

    errors: of the monitored metric by held-out file, copies of one sound once; empty where none are kept. measure: the
    settings that an error is measured by. value: the monitored metric, None before the first epoch.
    """

    name: str
    task: str
    monitor: Monitor
    value: float | None = None
    errors: Mapping[Hashable, float] = field(default_factory=dict)
    measure: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """By how much the first of two is better, in the metric's unit: the mean over ``files`` held out by both.

    give_or_take: half the 95 % interval of that mean. whole: whether these are all files that either held out. least:
    what nobody would hear.
    """

    by: float
    give_or_take: float
    files: int
    whole: bool
    least: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether the interval leaves out zero, and the difference is more than nobody would hear."""
        return abs(self.by) > max(self.give_or_take, self.least)


def difference(first: Checked, second: Checked, pairs: int = 1) -> Difference | None:
    """In pairs of files; None with fewer than three that both held out, with a figure. Turned round, it changes its
    sign and no more. pairs: of runs, whose intervals are to hold together."""
    own, other = _errors_of_both(first, second)
    count = len(own)
    if count < FEWEST_FILES:
        return None
    better = other - own if first.monitor.better == "lower" else own - other
    return Difference(
        by=float(better.mean()),
        give_or_take=quantile(count - 1, pairs) * float(better.std(ddof=1)) / math.sqrt(count),
        files=count,
        whole=first.errors.keys() == second.errors.keys(),
        least=EQUAL_PART * float(np.abs(own).mean() + np.abs(other).mean()) / 2,
    )


def _errors_of_both(first: Checked, second: Checked) -> tuple[Floats, Floats]:
    """The errors of files that both held out, where both are figures; in the same order whichever stands first."""
    common = sorted(first.errors.keys() & second.errors.keys(), key=str)
    own, other = (np.array([one.errors[file] for file in common], np.float64) for one in (first, second))
    known = (np.abs(own) < FARTHEST) & (np.abs(other) < FARTHEST)
    return own[known], other[known]


def obstacle(first: Checked, second: Checked) -> str | None:
    """Why nothing can be said of the difference, as a sentence; None when it can."""
    pair = f"{_bold(first)} and {_bold(second)}"
    if (first.task, first.monitor.metric) != (second.task, second.monitor.metric):
        return f"{pair} learn different things: their errors do not measure the same."
    silent = [one for one in (first, second) if not one.errors]
    if silent:
        whose = f"{_bold(silent[0])} keeps" if len(silent) == 1 else f"{pair} keep"
        return f"{pair} cannot be compared in pairs: {whose} no error of each held-out item."
    if first.measure != second.measure:
        return f"{pair} measure their errors by different settings: a figure of one is none of the other."
    shared = len(first.errors.keys() & second.errors.keys())
    if shared < FEWEST_FILES:
        both = f"only {counted(shared, 'file')} were" if shared > 1 else "only 1 file was" if shared else "no file was"
        return f"{pair} were checked on different files: {both} held out by both, and {FEWEST_FILES} are the least."
    if (count := len(_errors_of_both(first, second)[0])) < FEWEST_FILES:
        return (
            f"{pair} cannot be compared in pairs: of the {shared} files that both held out, {count or 'none'} "
            f"{'has' if count == 1 else 'have'} an error that is a number in both, and {FEWEST_FILES} are the least."
        )
    return None


def in_words(first: Checked, second: Checked, pairs: int = 1) -> str:
    """One sentence on two runs, the same whichever stands first but for its order: names stand between asterisks.

    pairs: of runs, whose sentences are to hold together.
    """
    why = obstacle(first, second)
    differ = difference(first, second, pairs)
    if why is not None or differ is None:
        return why or ""
    files = f"the same {differ.files} files" if differ.whole else f"the {differ.files} files that both held out"
    if not differ.sure:
        how_far = plus_minus(abs(differ.by), differ.give_or_take, first.monitor.unit)
        return f"{_bold(first)} and {_bold(second)} cannot be told apart on {files}: they differ by {how_far}."
    if differ.by < 0:
        return in_words(second, first, pairs)
    how_far = plus_minus(differ.by, differ.give_or_take, first.monitor.unit)
    return f"{_bold(first)} is {how_far} better than {_bold(second)} on {files}."


def all_in_words(runs: Sequence[Checked]) -> list[str]:
    """The best of ``runs`` by its own figure against each of the others; as they stand where they differ in kind.

    Where runs are alike, any is called better at most one time in twenty, however many they are.
    """
    if len(runs) < 2:
        return []
    best = _best(runs)
    others = [one for one in runs if one is not best]
    pairs = math.comb(1 + sum(obstacle(best, other) is None for other in others), 2)
    return list(dict.fromkeys(in_words(best, other, pairs) for other in others))


def _best(runs: Sequence[Checked]) -> Checked:
    """By its own figure; the first one where they differ in kind, or none has a figure."""
    known = [one for one in runs if one.value is not None and math.isfinite(one.value)]
    sign = 1 if runs[0].monitor.better == "lower" else -1
    alike = len({(one.task, one.monitor.metric) for one in runs}) == 1
    return min(known, key=lambda one: sign * (one.value or 0.0)) if known and alike else runs[0]


def _bold(run: Checked) -> str:
    return f"*{unmarked(run.name)}*"


def plus_minus(by: float, give_or_take: float, unit: str) -> str:
    """ "0.42 ± 0.21 dB": both to the second digit of what is uncertain, or to as many as tell them apart: which of the
    two is larger is what a sentence says."""
    scale, unit = (100.0, "%") if unit in ("%", "fraction") else (1.0, unit)
    by, give_or_take = by * scale, give_or_take * scale
    size = give_or_take or abs(by) or 1.0
    digits = min(4, max(0, 1 - math.floor(math.log10(size))))
    told = apart(by, give_or_take, digits) if round(give_or_take, digits) else (f"{by:.{digits}f}", f"{0:.{digits}f}")
    return f"{told[0]} ± {told[1]} {unit}".rstrip()
