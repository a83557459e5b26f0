"""Every name inside a run directory, spelled once."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path

RUN_ID = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
STARS = "stars.json"
GIVEN = "given"
_CHECKPOINT = re.compile(r"^step-(\d{8,})\.safetensors$")
_SNAPSHOT = re.compile(r"^epoch-(\d{4,})-step-(\d{8,})\.safetensors$")
_OWN_SOUND = re.compile(r"^[a-z]+-[0-9a-f]{16}(?:-[a-z0-9.-]+)?\.(?:wav|flac|ogg)$")
_DIGEST = re.compile(r"^[0-9a-f]{16}$")
_PREVIEW = re.compile(r"^(?:epoch-(\d{4,})-step-(\d{8,})-(sample|recon)|(reference))-(\d{2,})\.(wav|npy|png)$")


def looks_like_run(names: Container[str]) -> bool:
    """Whether a directory with these names in it is that of a run, by names that no folder of sounds has.

    A status.json alone may be anybody's. :func:`engine.rundir.entry.holds_run` says whether a run ever began somewhere.
    """
    return any(name in names for name in ("run.json", "run.lock", "sessions.jsonl"))


@dataclass(frozen=True)
class PreviewName:
    """What the name of a preview file says. A reference belongs to no epoch: ``epoch`` and ``step`` are 0."""

    epoch: int
    step: int
    role: str  # "sample", "recon" or "reference"
    index: int
    suffix: str  # "wav", "npy" or "png"


@dataclass(frozen=True)
class Layout:
    """The paths of one run directory. Knows names, touches nothing."""

    root: Path

    @property
    def id(self) -> str:
        return self.root.name

    @property
    def run(self) -> Path:
        return self.root / "run.json"

    @property
    def dataset(self) -> Path:
        return self.root / "dataset.json"

    @property
    def sessions(self) -> Path:
        return self.root / "sessions.jsonl"

    @property
    def lock(self) -> Path:
        return self.root / "run.lock"

    @property
    def status(self) -> Path:
        return self.root / "status.json"

    @property
    def metrics(self) -> Path:
        return self.root / "metrics.jsonl"

    @property
    def plans(self) -> Path:
        return self.root / "plans.jsonl"

    @property
    def control(self) -> Path:
        return self.root / "control.jsonl"

    @property
    def log(self) -> Path:
        return self.root / "log.txt"

    @property
    def checkpoints(self) -> Path:
        return self.root / "checkpoints"

    @property
    def snapshots(self) -> Path:
        return self.root / "snapshots"

    @property
    def previews(self) -> Path:
        return self.root / "previews"

    @property
    def sounds(self) -> Path:
        """What was made with the run's model, by whoever uses it; the run itself looks for stars there, no more."""
        return self.root / "sounds"

    def sound_once_at(self, path: Path) -> Path | None:
        """Where in this directory the sound lies that a recipe names by ``path``, which was true of the directory where
        it lay before: one that was made, or one that was given to be made again. Both have a digest in their path, so
        that no other sound is meant. None of any other path."""
        if _OWN_SOUND.match(path.name):
            return self.sounds / path.name
        digest = path.parent.name
        if path.parent.parent.name == GIVEN and _DIGEST.match(digest):
            return self.sounds / GIVEN / digest / path.name
        return None

    @property
    def stars(self) -> Path:
        """Which of these sounds have a star, by name. A run that still trains keeps the snapshots they came from."""
        return self.sounds / STARS

    @property
    def notes(self) -> Path:
        """What a person says of the run: its name, tags, a text. No training process reads or writes it."""
        return self.root / "notes.json"

    @property
    def notes_lock(self) -> Path:
        """Held for the moment in which somebody changes the notes."""
        return self.root / "notes.lock"

    @property
    def damaged_notes(self) -> Path:
        """Notes of which nothing could be read, put aside when new ones were written."""
        return self.root / "notes.damaged.json"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best.safetensors"

    def checkpoint(self, step: int) -> Path:
        return self.checkpoints / f"step-{step:08d}.safetensors"

    def snapshot(self, epoch: int, step: int) -> Path:
        return self.snapshots / f"epoch-{epoch:04d}-step-{step:08d}.safetensors"

    def preview(self, epoch: int, step: int, role: str, index: int, suffix: str) -> Path:
        """``role`` is "sample", "recon" or "reference"; a reference is written once and belongs to no epoch."""
        if role == "reference":
            return self.previews / f"reference-{index:02d}.{suffix}"
        return self.previews / f"epoch-{epoch:04d}-step-{step:08d}-{role}-{index:02d}.{suffix}"


def manifest(artefact: Path) -> Path:
    """The manifest beside a checkpoint or a snapshot."""
    return artefact.with_suffix(".json")


def checkpoint_step(name: str) -> int | None:
    """The step in a checkpoint's file name, or None when it is no such name (``best.safetensors`` has none)."""
    match = _CHECKPOINT.fullmatch(name)
    return int(match[1]) if match else None


def snapshot_moment(name: str) -> tuple[int, int] | None:
    """(epoch, step) in a snapshot's file name, or None when it is no such name."""
    match = _SNAPSHOT.fullmatch(name)
    return (int(match[1]), int(match[2])) if match else None


def names_artefact(name: str) -> bool:
    """Whether ``name`` is one of a checkpoint (the best too) or a snapshot."""
    return name == "best.safetensors" or bool(_CHECKPOINT.fullmatch(name) or _SNAPSHOT.fullmatch(name))


def described_by(name: str) -> str:
    """The file that a manifest called ``name`` describes."""
    return Path(name).with_suffix(".safetensors").name


def preview_name(name: str) -> PreviewName | None:
    """What a preview's file name says, or None when it is no such name."""
    match = _PREVIEW.fullmatch(name)
    if not match:
        return None
    epoch, step, role, reference, index, suffix = match.groups()
    return PreviewName(int(epoch or 0), int(step or 0), role or reference, int(index), suffix)


def is_run_id(name: str) -> bool:
    """Whether ``name`` may name a run: 1 to 64 letters, digits, dots, dashes or underscores, no leading dot."""
    return RUN_ID.fullmatch(name) is not None
