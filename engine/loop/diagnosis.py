"""All findings on a run at the end of an epoch, and when a warning is said again. It never stops a run."""

from __future__ import annotations

from collections.abc import Iterable

from engine.claims.kinds import Finding, settle
from engine.claims.verdict import findings
from engine.rundir.findings import Diagnosis, Evidence
from engine.rundir.record import Monitor

QUIET_EPOCHS = 10


def diagnose(
    evidence: Evidence | None, monitor: Monitor, of_task: Iterable[Finding] = (), *, over: bool = False
) -> list[Diagnosis]:
    """By precedence, the verdict first; of those that contradict one another only the first.

    of_task: what the task sees in its own figures. over: nothing learns any more: they say how it went.
    """
    return settle([*findings(evidence, monitor, over=over), *of_task])


def newly_true(findings: Iterable[Diagnosis], last_true: dict[str, int], epoch: int) -> list[Diagnosis]:
    """The warnings to be said now: those not true for the last ten epochs.

    last_true: when each code was last true; takes in what is true now.
    """
    fresh = []
    for one in findings:
        if one.severity == "warning":
            if epoch - last_true.get(one.code, -QUIET_EPOCHS - 1) > QUIET_EPOCHS:
                fresh.append(one)
            last_true[one.code] = epoch
    return fresh
