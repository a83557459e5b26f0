"""Where a run would go on, and whether exactly so, said before it does. No torch: the app says the same.

What refuses a resume stands with what it protects: a process that lives in `engine.rundir.liveness`, the directory in
`engine.rundir.entry`, other data in `engine.process.data_changes`, a state that does not fit in
`engine.loop.checkpoint`.
"""

from __future__ import annotations

import hashlib
import platform
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

import engine
from engine.claims.advice import kept
from engine.claims.figures import minus
from engine.errors import RunDirectoryError
from engine.metrics import EpochMetrics
from engine.printable import sweetspot
from engine.quantities import counted, duration, plural
from engine.rundir.layout import Layout, checkpoint_step, manifest
from engine.rundir.liveness import is_here, is_packed
from engine.rundir.protocol import SessionRecord
from engine.rundir.reader import RunReader
from engine.rundir.reading import own_file
from engine.rundir.record import RunRecord
from engine.rundir.status import State

_BITS = ("torch", "torchaudio", "numpy", "soundfile", "soxr")


@dataclass(frozen=True)
class ResumePoint:
    """Where a run would go on. ``file`` is None when there is no checkpoint: it then begins at step 1.

    changed: what differs from any session before and may change the bits; empty means exact. losses: of the last epoch
    that had ended there.
    """

    file: str | None
    step: int
    epoch: int
    total_steps: int
    total_epochs: int
    elapsed_s: float
    losses: dict[str, float]
    changed: list[str]

    def __str__(self) -> str:
        if self.file is None:
            return f"No checkpoint yet: begins at step 1 of {self.total_steps}."
        losses = ", ".join(f"{name} {minus(f'{value:.3f}')}" for name, value in self.losses.items())
        how = "exact" if not self.changed else f"continues, not bit for bit: {'; '.join(self.changed)}"
        return (
            f"Epoch {self.epoch} of {self.total_epochs}, step {self.step} of {self.total_steps}, "
            f"{duration(self.elapsed_s)} so far{', ' + losses if losses else ''}.\n"
            f"Goes on from {self.file} ({how})."
        )


def versions() -> dict[str, str]:
    """Of everything that may change a run's bits. ``code``: a digest of this very program, committed or not."""
    code = source_digest(Path(engine.__file__).parent)
    own = {"sweetspot": engine.__version__, "code": code, "python": platform.python_version()}
    return own | _libraries()


@cache
def _libraries() -> dict[str, str]:
    return {name: version(name) for name in _BITS}


@cache
def source_digest(package: Path) -> str:
    """A digest of the Python files in ``package``: two commits may hold the same, and one changed file is no commit."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        digest.update(f"{path.relative_to(package).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def git_commit() -> str | None:
    """The commit of this source tree; None where it is installed without one."""
    command = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()


def resume_point(root: Path, device: str | None = None, processes: int = 1) -> ResumePoint | None:
    """Where the run in ``root`` would go on; None when it has no run.json, so that there is nothing to go on with.

    ``RunDirectoryError`` when that is damaged, or :func:`lost_checkpoints` has a reason.

    device: what it would compute on, as sessions name it; None when that is not known yet. processes: how many would
    share an update.
    """
    reader = RunReader(root)
    record = reader.run()
    if damage := reader.damage():
        raise RunDirectoryError(*damage)
    if record is None:
        return None
    sessions = reader.sessions()
    steps = [item for item in reversed(reader.checkpoints()) if checkpoint_step(item.path.name) is not None]
    newest = next((item.manifest for item in steps if item.verified), None)
    if newest is None and (lost := lost_checkpoints(reader, record)) is not None:
        raise lost
    status, plans = reader.status(), reader.plans()
    present = plans[-1] if plans else record
    return ResumePoint(
        file=newest.file if newest else None,
        step=newest.step if newest else 0,
        epoch=newest.epoch if newest else 0,
        total_steps=present.total_steps,
        total_epochs=present.total_epochs,
        elapsed_s=status.elapsed_s if status else 0.0,
        losses=_losses(reader.layout, newest.step, record) if newest else {},
        changed=list(
            dict.fromkeys(reason for session in sessions for reason in _changed(session, record, device, processes))
        )
        or ([] if sessions else ["what trained it until now cannot be read (sessions.jsonl)"]),
    )


def lost_checkpoints(reader: RunReader, record: RunRecord) -> RunDirectoryError | None:
    """Why a run, no checkpoint of which can be read, does not begin at step 1: it had one, or the weights of another.

    What it has learnt would be written over. None where it had none: a process killed before its first checkpoint may
    leave a best state and snapshots, and whoever begins again makes the same.
    """
    status = reader.status()
    steps = [one.path for one in reader.checkpoints() if checkpoint_step(one.path.name) is not None]
    damaged = [path.name for path in steps if own_file(manifest(path))]  # without one, a kill left it half written
    saved = status is not None and (status.last_checkpoint is not None or status.state is State.COMPLETED)
    had = damaged or saved or next(reader.all_of("checkpoint"), None) is not None
    remedy = _from_what_is_left(reader) if had else ""
    if not remedy and record.parent is not None:
        return RunDirectoryError(
            f"The weights of {record.parent.run} that this run began with are not here, or damaged.",
            "Begin again from that run: sweetspot train --from RUN_DIR.",
        )
    if not had:
        return None
    why = f"{', '.join(damaged)} {plural(len(damaged), 'is', 'are')} damaged" if damaged else "those it saved are gone"
    return RunDirectoryError(
        f"No checkpoint of {reader.root} can be gone on from: {why}.",
        remedy or "Start a new run: nothing else is left.",
    )


def _from_what_is_left(reader: RunReader) -> str:
    """How weights that verify can begin another run; "" where none do."""
    files = kept(reader.checkpoints(), reader.snapshots())
    if files.best is not None:
        command = sweetspot("train", "--from", reader.root)
        return f"Its best state, of epoch {files.best}, can begin a new run: {command}"
    if files.usable:
        epoch = files.usable[-1]
        command = sweetspot("train", "--from", reader.root, "--checkpoint", f"epoch-{epoch}")
        return f"Its weights of epoch {epoch} can begin a new run: {command}"
    return ""


def more_of_it(root: Path) -> str:
    """How the completed run in ``root`` can be trained longer; where it cannot, why, and what can be done instead."""
    try:
        resume_point(root)
    except RunDirectoryError as error:
        return str(error)
    return "Train it longer with --more-epochs N."


def refuse_packed(root: Path) -> None:
    """``RunDirectoryError`` of a run that was packed, or taken in from elsewhere: it is looked at and never trained.

    One that was only copied names the computer that began it, and goes on where it lies.
    """
    sessions = RunReader(root).sessions()
    if sessions and is_packed(sessions[-1]):
        raise RunDirectoryError(
            f"{root} comes from another computer: it can be looked at and listened to here, not trained.",
            f"Begin a new run from it: {sweetspot('train', 'SOURCE', '--from', root)}",
        )


def finished_epochs(layout: Layout, step: int) -> list[EpochMetrics]:
    """The epochs that ended up to ``step``, in order, each as it was written last."""
    last = {}
    for event in RunReader(layout.root).all_of("epoch"):
        try:
            epoch = EpochMetrics.model_validate(event)
        except ValidationError:  # a line that the disk spoilt is a gap in the curves, no reason to go on no more
            continue
        if epoch.step <= step:
            last[epoch.epoch] = epoch
    return [last[epoch] for epoch in sorted(last)]


def _losses(layout: Layout, step: int, record: RunRecord) -> dict[str, float]:
    epochs = finished_epochs(layout, step)
    known = epochs[-1].model_dump() if epochs else {}
    names = ("train_loss", "val_loss", record.monitor.metric)
    return {name: float(known[name]) for name in names if known.get(name) is not None}


def _changed(session: SessionRecord, record: RunRecord, device: str | None, processes: int) -> list[str]:
    """How this process would differ from one that trained the run, as far as it may change bits."""
    now = versions()
    then = session.versions
    changed = [_parted(name, then.get(name), is_now) for name, is_now in now.items() if then.get(name) != is_now]
    threads = record.config.training.get("threads") or session.threads  # a run keeps its number wherever it goes on
    if threads != session.threads:
        changed.append(f"it had {session.threads} threads, now {threads}")
    if processes != session.processes:
        changed.append(f"it had {counted(session.processes, 'process', 'processes')}, now {processes}")
    if device is not None and _kind(device) != _kind(session.device):
        changed.append(f"it trained on {_kind(session.device)}, now {_kind(device)}")
    elif _kind(session.device) != "cpu":
        changed.append("it trains on an accelerator")
    elif not is_here(session):
        changed.append("it ran on another machine")
    return changed


def _parted(name: str, was: str | None, now: str) -> str:
    if was is None:
        return f"which {name} it had is not recorded"
    return "the program's own code was another" if name == "code" else f"{name} was {was}, is {now}"


def _kind(device: str) -> str:
    """cpu, cuda or mps, of "cuda:0 (its name)"."""
    return device.partition(" ")[0].partition(":")[0]
