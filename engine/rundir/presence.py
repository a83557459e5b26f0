"""Whether a process trains in a run directory: its lock and its last session, held against each other.

The session names a process. That it lives says nothing of a copy of the directory, and from another container it cannot
be told. The lock is seen by every process of one kernel, wherever its pid counts; it may have been removed, though.
"""

from __future__ import annotations

import time
from pathlib import Path

from pydantic import ValidationError

from engine.rundir.inside import read_own
from engine.rundir.layout import Layout
from engine.rundir.liveness import Liveness, of_this_boot, process_liveness
from engine.rundir.lock import identity, is_held, taken
from engine.rundir.records import read_records
from engine.rundir.schema import SessionRecord, Status

_BEAT_PATIENCE_S = 2.5  # the writer beats at least once a second
_LOOK_S = 0.1


def read_sessions(place: Layout) -> list[SessionRecord]:
    """Every process that trained in ``place``, the first one first; damaged lines are left out."""
    return read_records(place.sessions, SessionRecord)


def presence(root: Path, session: SessionRecord) -> Liveness:
    """Whether the process of ``session``, the last one of ``root``, trains in ``root``.

    ``COPIED`` when it may live, but in the directory that this one was copied from. ``UNKNOWN`` from another machine,
    and from another container where the lock file is missing or cannot be asked.
    """
    process = process_liveness(session)
    if process is Liveness.DEAD or not of_this_boot(session):
        return process
    held = is_held(Layout(root).lock)
    if held:
        return Liveness.ALIVE
    if session.directory not in ("", identity(root)):
        return Liveness.COPIED
    return Liveness.DEAD if held is False else process


def refuse_living(place: Layout) -> None:
    """``RunDirectoryError`` when a process trains in ``place``, also one whose lock file somebody removed.

    Where nothing else can tell, its heartbeat is watched for two and a half seconds.
    """
    sessions = read_sessions(place)
    if not sessions or _has_ended(place, sessions[-1]):
        return
    found = presence(place.root, sessions[-1])
    if found is Liveness.ALIVE or (found is Liveness.UNKNOWN and _beats(place)):
        raise taken(f"pid {sessions[-1].pid}, host {sessions[-1].host}")


def _has_ended(place: Layout, session: SessionRecord) -> bool:
    """Whether ``session`` has said its last word, and only has to leave: then the lock alone keeps others out."""
    status = _status(place)
    return status is not None and status.session == session.session and not status.state.live


def _beats(place: Layout) -> bool:
    first, deadline = _status(place), time.monotonic() + _BEAT_PATIENCE_S
    if first is None:
        return False
    while time.monotonic() < deadline:
        time.sleep(_LOOK_S)
        now = _status(place)
        if now is not None and (now.session, now.heartbeat) != (first.session, first.heartbeat):
            return True
    return False


def _status(place: Layout) -> Status | None:
    try:
        return Status.model_validate_json(read_own(place.status) or b"")
    except (OSError, ValidationError):
        return None
