"""Whether the process that a session names still runs, and whether it trains in this very directory.

A pid alone says little: it is used again. On the same machine a process is its pid, its start, the boot it belongs to
and (on Linux) the namespace that its pid counts in: containers of one machine share the boot and no pid. From another
machine only a heartbeat counter that moves says alive, timed on the viewer's own clock: two machines' clocks need not
agree. A host's name says nothing where anything better is known: many laptops share one, and some change theirs with
the network.

That the process lives says nothing of a copy of its directory, and from another container it cannot be told. There the
lock helps: it is seen by every process of one kernel, wherever its pid counts; it may have been removed, though.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

import psutil

from engine.rundir.layout import Layout
from engine.rundir.lock import holder_of, identity, is_held, taken
from engine.rundir.protocol import SessionRecord
from engine.rundir.reading import read_record, read_records
from engine.rundir.status import Status

START_TOLERANCE_S = 2.0  # psutil derives the start from the wall clock, which may be set meanwhile
HEARTBEAT_PATIENCE_S = 5.0  # the writer beats at least once a second
_BEAT_PATIENCE_S = 2.5
_LOOK_S = 0.1
PACKED = "packed"  # stands for the boot and the machine where a run was stripped of what names its own


class Liveness(StrEnum):
    """Of a process; ``COPIED`` only of a run directory, see :func:`presence`."""

    ALIVE = "alive"
    DEAD = "dead"
    COPIED = "copied"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ProcessIdentity:
    """What tells one process from every other, as far as the system says (None and "" where it does not)."""

    pid: int
    process_started_at: float
    process_start_ticks: int | None
    boot_id: str
    pid_namespace: str
    host: str
    machine_id: str


def this_process() -> ProcessIdentity:
    """The identity of the calling process."""
    pid = os.getpid()
    return ProcessIdentity(
        pid=pid,
        process_started_at=psutil.Process(pid).create_time(),
        process_start_ticks=start_ticks(pid),
        boot_id=boot_id(),
        pid_namespace=pid_namespace(),
        host=host(),
        machine_id=machine_id(),
    )


def is_here(session: SessionRecord) -> bool:
    """Whether ``session`` belongs to this machine. Its name is asked last: two may share one, one may change it."""
    if session.boot_id and session.boot_id == boot_id():
        return True
    if session.machine_id and machine_id():
        return session.machine_id == machine_id()
    return not session.boot_id and not boot_id() and session.host == host()


def is_packed(session: SessionRecord) -> bool:
    """Whether ``session`` is one of a packed run, or of one that was taken in: it names no machine at all."""
    return session.boot_id == PACKED


def of_this_boot(session: SessionRecord) -> bool:
    """Whether the session's process, if it lives, runs on this very kernel: its locks are seen here."""
    return is_here(session) and session.boot_id == boot_id()


def process_liveness(session: SessionRecord) -> Liveness:
    """Whether the process of ``session`` runs. A stopped one is alive, a zombie dead.

    One of an earlier boot of this machine is dead. ``UNKNOWN`` on another machine and in another namespace of pids.
    """
    if not of_this_boot(session):
        return Liveness.DEAD if is_here(session) else Liveness.UNKNOWN
    if session.pid_namespace != pid_namespace():
        return Liveness.UNKNOWN
    try:
        process = psutil.Process(session.pid)
        same = _same_start(session, process) and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.AccessDenied:
        return Liveness.UNKNOWN
    except (psutil.NoSuchProcess, ValueError):  # ValueError: no pid at all, as in a damaged record
        return Liveness.DEAD
    return Liveness.ALIVE if same else Liveness.DEAD


def read_sessions(layout: Layout) -> list[SessionRecord]:
    """Every process that trained in ``layout``, the first one first; damaged lines are left out."""
    return read_records(layout.sessions, SessionRecord)


def presence(root: Path, session: SessionRecord | None) -> Liveness:
    """Whether the process of ``session``, the last one of ``root``, trains in ``root``.

    ``COPIED`` when it may live, but in the directory that this one was copied from. ``UNKNOWN`` from another machine,
    and from another container where the lock file is missing or cannot be asked. None: no session can be read; then
    the lock alone tells, and only of one that lives.
    """
    if session is None:
        return Liveness.ALIVE if is_held(Layout(root).lock) else Liveness.UNKNOWN
    process = process_liveness(session)
    if process is Liveness.DEAD or not of_this_boot(session):
        return process
    held = is_held(Layout(root).lock)
    if held:
        return Liveness.ALIVE
    if _is_copy(root, session):
        return Liveness.COPIED
    return Liveness.DEAD if held is False else process


def _is_copy(root: Path, session: SessionRecord) -> bool:
    """Whether ``root`` is known to be another directory than the one that ``session`` began in."""
    try:
        return session.directory not in ("", identity(root))
    except OSError:
        return False


def refuse_living(layout: Layout) -> None:
    """``RunDirectoryError`` when a process trains in ``layout``, also one whose lock file somebody removed.

    Where nothing else can tell, its heartbeat is watched for two and a half seconds.
    """
    session = next(reversed(read_sessions(layout)), None)
    if _has_ended(layout, session):
        return
    liveness = presence(layout.root, session)
    if liveness is Liveness.ALIVE or (liveness is Liveness.UNKNOWN and _beats(layout)):
        raise taken(holder_of(layout.lock) if session is None else f"pid {session.pid}, host {session.host}")


def _has_ended(layout: Layout, session: SessionRecord | None) -> bool:
    """Whether ``session`` has said its last word, and only has to leave: then the lock alone keeps others out."""
    status = read_record(layout.status, Status)
    of_it = status is not None and (session is None or status.session == session.session)
    return status is not None and of_it and not status.state.live


def _beats(layout: Layout) -> bool:
    first, deadline = read_record(layout.status, Status), time.monotonic() + _BEAT_PATIENCE_S
    if first is None:
        return False
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        now = read_record(layout.status, Status)
        if now is not None and (now.session, now.heartbeat) != (first.session, first.heartbeat):
            return True
    return False


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
    """An identifier of this boot of the machine, "" where the system has none (then pid and start have to do)."""
    if sys.platform == "darwin":
        return _said("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid").strip()
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


@cache
def pid_namespace() -> str:
    """An identifier of what pids count in within one boot, "" where the system has but one such space."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


@cache
def machine_id() -> str:
    """An identifier of this machine that survives its boots, "" where the system has none.

    A digest: the system's own number is nobody's business, and run directories are given away.
    """
    number = _machine_number()
    return hashlib.sha256(f"sweetspot {number}".encode()).hexdigest()[:32] if number else ""


def _machine_number() -> str:
    if sys.platform == "darwin":
        found = re.search(
            r'"IOPlatformUUID" = "([^"]+)"', _said("/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice")
        )
        return found[1] if found else ""
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return ""
    for place in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            return Path(place).read_text().strip()
        except OSError:
            continue
    return ""


def _said(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return ""


def _same_start(session: SessionRecord, process: psutil.Process) -> bool:
    ticks = start_ticks(process.pid)
    if ticks is not None and session.process_start_ticks is not None:
        return ticks == session.process_start_ticks
    return abs(process.create_time() - session.process_started_at) <= START_TOLERANCE_S


def start_ticks(pid: int) -> int | None:
    """When a process began, in ticks since boot, which no change of the wall clock moves; None where it is gone, and
    where the system has no such thing.

    Field 22 of /proc/PID/stat: a name in parentheses may hold blanks, so count from behind it.
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None
