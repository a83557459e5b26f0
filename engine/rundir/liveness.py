"""Whether the process that a session names still runs.

A pid alone says little: it is used again. On the same host a process is its pid, its start and the boot it belongs
to. From another host only a heartbeat counter that moves says alive, timed on the viewer's own clock: two hosts'
clocks need not agree.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import psutil

from engine.rundir.schema import SessionRecord

START_TOLERANCE_S = 2.0  # psutil derives the start from the wall clock, which may be set meanwhile
HEARTBEAT_PATIENCE_S = 5.0  # the writer beats at least once a second


class Liveness(StrEnum):
    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells one process from every other, as far as the system says (None and "" where it does not)."""

    pid: int
    process_started_at: float
    process_start_ticks: int | None
    boot_id: str
    host: str


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(pid, psutil.Process(pid).create_time(), _start_ticks(pid), boot_id(), host())


def process_liveness(session: SessionRecord) -> Liveness:
    """Whether the process of ``session`` runs; ``UNKNOWN`` from another host. A stopped one is alive, a zombie dead."""
    if session.host != host():
        return Liveness.UNKNOWN
    if session.boot_id and boot_id() and session.boot_id != boot_id():
        return Liveness.DEAD
    try:
        process = psutil.Process(session.pid)
        same = _same_start(session, process) and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.AccessDenied:
        return Liveness.UNKNOWN
    except (psutil.NoSuchProcess, ValueError):  # ValueError: no pid at all, as in a damaged record
        return Liveness.DEAD
    return Liveness.ALIVE if same else Liveness.DEAD


@dataclass
class HeartbeatWatch:
    """Remembers one run's heartbeat between looks: alive while it moves, unknown when it rests (dead or cut off)."""

    clock: Callable[[], float] = time.monotonic
    patience_s: float = HEARTBEAT_PATIENCE_S
    _last: tuple[str, int] | None = field(default=None, init=False)
    _moved_at: float | None = field(default=None, init=False)

    def observe(self, session: str, heartbeat: int) -> Liveness:
        """Take in the counter as just read. The first look says ``UNKNOWN``: one number does not move."""
        now, seen = self.clock(), (session, heartbeat)
        if self._last is not None and seen != self._last:
            self._moved_at = now
        self._last = seen
        moving = self._moved_at is not None and now - self._moved_at <= self.patience_s
        return Liveness.ALIVE if moving else Liveness.UNKNOWN


def host() -> str:
    """This machine's name, as sessions.jsonl has it."""
    return platform.node()


@cache
def boot_id() -> str:
    """An identifier of this boot, "" where the system has none (then pid and start have to do)."""
    if sys.platform == "darwin":
        done = subprocess.run(
            ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"], capture_output=True, text=True, check=False
        )
        return done.stdout.strip()
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def _same_start(session: SessionRecord, process: psutil.Process) -> bool:
    ticks = _start_ticks(process.pid)
    if ticks is not None and session.process_start_ticks is not None:
        return ticks == session.process_start_ticks
    return abs(process.create_time() - session.process_started_at) <= START_TOLERANCE_S


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/PID/stat: a name in parentheses may hold blanks, so count from behind it."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
