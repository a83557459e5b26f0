"""What a run made: checkpoints, snapshots, previews. Found by name; no link out of the run is followed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from pydantic import ValidationError

from engine.rundir import layout
from engine.rundir.inside import own_file, read_own
from engine.rundir.plausible import plausible
from engine.rundir.schema import PROTOCOL, Manifest


@dataclass(frozen=True)
class Artefact:
    """A checkpoint or snapshot. ``manifest`` is None when it is missing, damaged or another file's."""

    path: Path
    manifest: Manifest | None

    @property
    def verified(self) -> bool:
        """Whether the file is, bit for bit, what its manifest says. Reads the whole file each time."""
        if self.manifest is None:
            return False
        try:
            if self.path.stat().st_size != self.manifest.bytes:
                return False
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == self.manifest.sha256
        except OSError:
            return False


def read_verified(path: Path) -> tuple[bytes, Manifest] | None:
    """The bytes of a checkpoint or snapshot and its manifest, when they belong together; None otherwise.

    What was hashed is what is returned: nothing can change in between.
    """
    manifest = _manifest(path)
    try:
        # First its size: a file that is one hole may claim any number of bytes.
        if manifest is None or not own_file(path) or path.stat().st_size != manifest.bytes:
            return None
        if manifest.bytes > psutil.virtual_memory().available:
            return None
        data = path.read_bytes()
    except OSError:
        return None
    if len(data) != manifest.bytes or hashlib.sha256(data).hexdigest() != manifest.sha256:
        return None
    return data, manifest


@dataclass(frozen=True)
class PreviewSet:
    """The files of one preview: suffix ("wav", "npy", "png") to the path relative to the run directory.

    role: "sample", "recon" or "reference"; a reference belongs to no epoch, its ``epoch`` and ``step`` are 0.
    """

    epoch: int
    step: int
    role: str
    index: int
    files: dict[str, str] = field(default_factory=dict)


def find_checkpoints(root: Path, directory: Path) -> list[Artefact]:
    def order(name: str) -> tuple[int, int] | None:
        step = layout.checkpoint_step(name)
        if step is not None:
            return (0, step)
        return (1, 0) if name == layout.Layout(root).best.name else None

    return _find(root, directory, order)


def find_snapshots(root: Path, directory: Path) -> list[Artefact]:
    return _find(root, directory, layout.snapshot_moment)


def find_previews(root: Path, directory: Path) -> list[PreviewSet]:
    found: dict[tuple[int, int, str, int], dict[str, str]] = {}
    for path in _files(root, directory):
        name = layout.preview_name(path.name)
        if name is not None:
            files = found.setdefault((name.epoch, name.step, name.role, name.index), {})
            files[name.suffix] = path.relative_to(root).as_posix()
    references_first = sorted(found, key=lambda key: (key[2] != "reference", key))
    return [PreviewSet(*key, files=found[key]) for key in references_first]


def _find(root: Path, directory: Path, order: Callable[[str], tuple[int, int] | None]) -> list[Artefact]:
    named = [(key, path) for path in _files(root, directory) if (key := order(path.name)) is not None]
    return [Artefact(path, _manifest(path)) for _, path in sorted(named)]


def _manifest(path: Path) -> Manifest | None:
    beside = layout.manifest(path)
    try:
        raw = read_own(beside)
        manifest = Manifest.model_validate_json(raw) if raw is not None else None
    except (OSError, ValidationError):
        return None
    known = manifest and manifest.file == path.name and manifest.protocol <= PROTOCOL
    return manifest if manifest and known and plausible(manifest) else None


def _files(root: Path, directory: Path) -> Iterator[Path]:
    """Regular files of ``directory`` that lie in ``root`` once links are followed."""
    inside = root.resolve()
    try:
        if not directory.resolve().is_relative_to(inside):
            return
        paths = list(directory.iterdir())
    except OSError:
        return
    for path in paths:
        if path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(inside)):
            yield path
