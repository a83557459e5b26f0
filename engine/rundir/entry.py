"""What a session cannot begin without: that it may enter the directory, who it says it is, the records of its run."""

from __future__ import annotations

import dataclasses
import time
import uuid
from pathlib import Path

from engine.errors import RunDirectoryError, StorageError, is_odd, next_step, next_step_or_elsewhere
from engine.home import expanded
from engine.printable import sweetspot
from engine.rundir.artefacts import sweep_halves
from engine.rundir.atomic import create_once, is_temporary, replace_bytes, sweep
from engine.rundir.encoding import as_written, seal
from engine.rundir.layout import Layout, is_run_id
from engine.rundir.liveness import this_process
from engine.rundir.lock import identity
from engine.rundir.order import since_boot_s
from engine.rundir.protocol import PROTOCOL, SessionRecord, other_protocol
from engine.rundir.reading import links, read_own, read_record
from engine.rundir.record import DatasetRecord, RunRecord
from engine.rundir.status import State, Status

_ASK = "Ask its owner for the right or choose another place"


def layout_at(root: Path) -> Layout:
    """Of the directory that ``root`` leads to, there or not; ``RunDirectoryError`` for a link back to itself."""
    try:
        return Layout(expanded(root, strict=True).resolve())
    except RuntimeError:
        raise RunDirectoryError(f"{root} is a link that leads back to itself.", "Name another directory.") from None


def holds_run(layout: Layout) -> bool:
    """Whether a session has ever begun in this directory, not yet that it got as far as to train.

    One that nobody may look into counts as such.
    """
    try:
        return any(path.exists() for path in (layout.run, layout.sessions, layout.status))
    except OSError:
        return True


def check_name(layout: Layout) -> None:
    """``RunDirectoryError`` unless what this directory is called may name a run."""
    if not is_run_id(layout.id):
        raise RunDirectoryError(
            f'"{layout.id}" cannot name a run.',
            "Use 1 to 64 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )


def check_entry(layout: Layout, *, resume: bool) -> None:
    """Look, without a trace, whether a session may begin here; ``RunDirectoryError`` says why it may not."""
    check_name(layout)
    if layout.root.exists() and not layout.root.is_dir():
        raise RunDirectoryError(f"{layout.root} is a file.", "Name a directory that is empty or does not exist yet.")
    if resume and not holds_run(layout):
        raise RunDirectoryError(f"{layout.root} holds no run that could be resumed.", "Start one with --run-dir.")
    if not resume and layout.run.exists():
        raise RunDirectoryError(
            f"{layout.root} holds a run already.",
            f"Name another directory, or continue it with: {sweetspot('train', '--resume', layout.root)}",
        )
    if not resume:
        _check_empty(layout)
    for link in links(layout):
        raise RunDirectoryError(
            f"{link} is a link, and a run writes to no other place than its own.", "Put what it leads to in its place."
        )
    _check_protocol(layout)


def prepare(layout: Layout) -> None:
    """Remove what a killed session left half written. Only for the holder of the lock."""
    for directory in (layout.root, layout.checkpoints, layout.snapshots, layout.previews):
        sweep(directory)
    for directory in (layout.checkpoints, layout.snapshots):
        sweep_halves(directory)


def new_session(
    layout: Layout,
    device: str,
    threads: int,
    processes: int,
    versions: dict[str, str],
    git_commit: str | None,
    resumed_from_step: int | None,
    task: str,
) -> SessionRecord:
    """This process as one line of sessions.jsonl of ``layout``, which exists."""
    return SessionRecord(
        session=str(uuid.uuid4()),
        directory=identity(layout.root),
        started_at=time.time(),
        since_boot_s=since_boot_s(),
        device=device,
        threads=threads,
        processes=processes,
        versions=versions,
        git_commit=git_commit,
        resumed_from_step=resumed_from_step,
        task=task,
        **dataclasses.asdict(this_process()),
    )


def first_status(layout: Layout, session: str) -> Status:
    """Starting; in a resumed run from where the last session stood, so that no viewer sees it fall back to zero."""
    last = read_record(layout.status, Status)
    if last is None:
        return Status(session=session, state=State.STARTING)
    begun = {"session": session, "state": State.STARTING, "phase": ""}
    gone = dict.fromkeys(("error", "progress", "eta_s", "steps_per_s", "memory", "kept_awake_by"))
    return last.model_copy(update={**begun, **gone, "commands": []})


def _check_empty(layout: Layout) -> None:
    """Beside nothing, a fresh run may find the log its launcher opened, and what one left that ended before run.json,
    with the notes on it.

    That one cannot be resumed, for want of a configuration: it is begun again in its place.
    """
    if not layout.root.exists():
        return
    before = (
        layout.log, layout.lock, layout.sessions, layout.status, layout.metrics, layout.control, layout.dataset,
        layout.notes, layout.notes_lock, layout.damaged_notes,
    )  # fmt: skip
    names = {path.name for path in layout.root.iterdir() if not is_temporary(path.name)}
    strange = sorted(names - {path.name for path in before})
    if strange:
        raise RunDirectoryError(
            f"{layout.root} is not empty and holds no run (it has {strange[0]}).", "Name an empty or a new directory."
        )


def _check_protocol(layout: Layout) -> None:
    """What one version began, no other goes on with."""
    try:
        raw = read_own(layout.run)
    except OSError:
        return
    protocol = (as_written(raw or b"") or {}).get("protocol")
    if isinstance(protocol, int) and protocol != PROTOCOL:
        raise other_protocol(layout.id, protocol)


def write_run(layout: Layout, record: RunRecord) -> None:
    """Write run.json, once in a run's life: ``RunDirectoryError`` when it exists, ``StorageError`` when refused."""
    try:
        written = create_once(layout.run, seal(record), durable=True)
    except OSError as error:
        raise _indispensable("run.json", error) from error
    if not written:
        raise RunDirectoryError(f"{layout.id} has its run.json already.", "Continue it with --resume.")


def write_dataset(layout: Layout, record: DatasetRecord) -> None:
    """Write dataset.json, whatever stood there; ``StorageError`` when refused."""
    try:
        replace_bytes(layout.dataset, seal(record), durable=True)
    except OSError as error:
        raise _indispensable("dataset.json", error) from error


def _indispensable(name: str, error: OSError) -> StorageError:
    return StorageError(f"{name} cannot be written: {error.strerror or error}.", f"{next_step(error)} and start again.")


def no_place(layout: Layout, error: OSError) -> StorageError:
    """That no run can be where ``error`` came from."""
    if is_odd(error):
        return StorageError(f"{error.filename} is no regular file.", "Remove it.")
    forbidden = isinstance(error, PermissionError)
    return StorageError(
        f"The run directory {layout.root} cannot be written: {error.strerror or error}.",
        f"{_ASK if forbidden else next_step_or_elsewhere(error)} with --run-dir.",
    )
