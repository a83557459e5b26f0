"""What happens before a session owns a run directory: may it enter, what it cleans up, who it says it is."""

from __future__ import annotations

import dataclasses
import time
import uuid

from engine.errors import RunDirectoryError
from engine.printable import sweetspot
from engine.rundir.artefacts import sweep_halves
from engine.rundir.atomic import is_temporary, sweep
from engine.rundir.encoding import decode
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.liveness import this_process
from engine.rundir.lock import identity
from engine.rundir.protocol import PROTOCOL, SessionRecord, other_protocol
from engine.rundir.reading import links, read_own, read_record
from engine.rundir.status import State, Status


def holds_run(place: Layout) -> bool:
    """Whether a session has ever begun in this directory, not yet that it got as far as to train.

    One that nobody may look into counts as such.
    """
    try:
        return any(path.exists() for path in (place.run, place.sessions, place.status))
    except PermissionError:
        return True


def check_entry(place: Layout, *, resume: bool) -> None:
    """Look, without a trace, whether a session may begin here; ``RunDirectoryError`` says why it may not."""
    if not is_run_id(place.id):
        raise RunDirectoryError(
            f'"{place.id}" cannot name a run.',
            "Use 1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )
    if place.root.exists() and not place.root.is_dir():
        raise RunDirectoryError(f"{place.root} is a file.", "Name a directory that is empty or does not exist yet.")
    if resume and not holds_run(place):
        raise RunDirectoryError(f"{place.root} holds no run that could be resumed.", "Start one with --run-dir.")
    if not resume and place.run.exists():
        raise RunDirectoryError(
            f"{place.root} holds a run already.",
            f"Name another directory, or continue it with: {sweetspot('train', '--resume', place.root)}",
        )
    if not resume:
        _check_empty(place)
    for link in links(place):
        raise RunDirectoryError(
            f"{link} is a link, and a run writes to no other place than its own.", "Put what it leads to in its place."
        )
    _check_protocol(place)


def prepare(place: Layout) -> None:
    """Remove what a killed session left half written. Only for the holder of the lock."""
    for directory in (place.root, place.checkpoints, place.snapshots, place.previews):
        sweep(directory)
    for directory in (place.checkpoints, place.snapshots):
        sweep_halves(directory)


def new_session(
    place: Layout,
    device: str,
    threads: int,
    versions: dict[str, str],
    git_commit: str | None,
    resumed_from_step: int | None,
) -> SessionRecord:
    """This process as one line of sessions.jsonl of ``place``, which exists."""
    return SessionRecord(
        session=str(uuid.uuid4()),
        directory=identity(place.root),
        started_at=time.time(),
        device=device,
        threads=threads,
        versions=versions,
        git_commit=git_commit,
        resumed_from_step=resumed_from_step,
        **dataclasses.asdict(this_process()),
    )


def first_status(place: Layout, session: str) -> Status:
    """Starting; in a resumed run from where the last session stood, so that no viewer sees it fall back to zero."""
    last = read_record(place.status, Status)
    if last is None:
        return Status(session=session, state=State.STARTING)
    begun = {"session": session, "state": State.STARTING, "phase": ""}
    gone = dict.fromkeys(("error", "progress", "eta_s", "steps_per_s", "memory", "kept_awake_by"))
    return last.model_copy(update={**begun, **gone, "commands": []})


def _check_empty(place: Layout) -> None:
    """Beside nothing, a fresh run may find the log its launcher opened, and what one left that ended before run.json,
    with the notes on it.

    That one cannot be resumed, for want of a configuration: it is begun again in its place.
    """
    if not place.root.exists():
        return
    before = (
        place.log, place.lock, place.sessions, place.status, place.metrics, place.control, place.dataset, place.notes,
    )  # fmt: skip
    names = {path.name for path in place.root.iterdir() if not is_temporary(path.name)}
    strange = sorted(names - {path.name for path in before})
    if strange:
        raise RunDirectoryError(
            f"{place.root} is not empty and holds no run (it has {strange[0]}).", "Name an empty or a new directory."
        )


def _check_protocol(place: Layout) -> None:
    """What one version began, no other goes on with."""
    try:
        raw = read_own(place.run)
    except OSError:
        return
    protocol = (decode(raw or b"") or {}).get("protocol")
    if isinstance(protocol, int) and protocol != PROTOCOL:
        raise other_protocol(place.id, protocol)
