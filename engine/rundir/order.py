"""In which order runs were trained, also where a clock was set in between. Pure functions of what sessions noted."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping

from engine.rundir.protocol import SessionRecord


def since_boot_s() -> float | None:
    """Seconds since this machine started, those it slept included; None where the system does not tell (not Linux)."""
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return None


def trained_last_first(runs: Mapping[str, SessionRecord | None]) -> list[str]:
    """The names of ``runs``, each with its last session, the one that began last first and those without one last.

    Sessions of one boot keep the order of their time since then, which no setting of the clock moves; the clock as the
    latest of them saw it places them among those of other boots and machines.
    """
    latest: dict[str, tuple[float, float]] = {}
    for one in runs.values():
        if one is not None and one.since_boot_s is not None:
            seen = one.since_boot_s, one.started_at
            latest[one.boot_id] = max(seen, latest.get(one.boot_id, seen))

    def moment(one: SessionRecord | None) -> float:
        if one is None:
            return 0.0
        if one.since_boot_s is None:
            return one.started_at
        since, at = latest[one.boot_id]
        return at - (since - one.since_boot_s)

    return sorted(runs, key=lambda name: (moment(runs[name]), name), reverse=True)
