"""What a run made: checkpoints, snapshots, previews. Found by name; no link out of the run is followed.

A checkpoint or snapshot counts only with its manifest, whose digest covers the manifest itself. So one is written file
first, manifest second, and removed the other way round; one that is replaced has, while it is, a manifest that
describes both the old file and the new: there is no moment without either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from engine.errors import OutOfMemoryError, RunDirectoryError
from engine.rundir import layout
from engine.rundir.atomic import commit, discard, flush_directory, stage
from engine.rundir.encoding import seal
from engine.rundir.protocol import PROTOCOL, Manifest
from engine.rundir.reading import own_file, read_record


@dataclass(frozen=True)
class Artefact:
    """A checkpoint or snapshot. ``manifest`` is None when it is missing, damaged or another file's."""

    path: Path
    manifest: Manifest | None

    @property
    def verified(self) -> bool:
        """Whether the file is, bit for bit, what its manifest says. Reads the whole file each time."""
        return self.manifest is not None and describes(self.manifest, self.path)


def read_verified(path: Path) -> tuple[bytes, Manifest] | None:
    """The bytes of a checkpoint or snapshot and its manifest, when they belong together; None otherwise.

    What was hashed is what is returned: nothing can change in between. ``OutOfMemoryError`` where there is no room for
    them: that is no damage, and an older one is no substitute.
    """
    for _ in range(2):  # again: it may have been replaced between its manifest and itself
        for manifest in manifests_of(path):
            data = _read_as(manifest, path)
            if data is not None:
                return data, manifest
    return None


def _read_as(manifest: Manifest, path: Path) -> bytes | None:
    """The bytes of ``path`` when they are those that ``manifest`` describes. ``OutOfMemoryError`` when too many."""
    try:
        # First its size: a file that is one hole may claim any number of bytes.
        if not own_file(path) or path.stat().st_size != manifest.bytes:
            return None
        if manifest.bytes > psutil.virtual_memory().available:  # whole or not, nobody can say
            raise OutOfMemoryError(
                f"{path.name} has {manifest.bytes / 1e6:,.0f} MB, more than the memory that is free.",
                "Close other programs.",
            )
        data = path.read_bytes()
    except OSError:
        return None
    whole = len(data) == manifest.bytes and hashlib.sha256(data).hexdigest() == manifest.sha256
    return data if whole else None


def describes(manifest: Manifest, path: Path) -> bool:
    """Whether the file at ``path`` is, bit for bit, the one that ``manifest`` is about. Reads the whole file."""
    try:
        if not own_file(path) or path.stat().st_size != manifest.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256
    except OSError:
        return False


def manifest_of(path: Path) -> Manifest | None:
    """The manifest of the file as it is. Of one caught while it was replaced the file says which of two that is."""
    candidates = manifests_of(path)
    if len(candidates) < 2 or describes(candidates[0], path):
        return next(iter(candidates), None)
    return candidates[1]


def manifests_of(path: Path) -> list[Manifest]:
    """What may describe the file: one, two while it is replaced; none when it is missing, damaged or another file's."""
    try:
        manifest = read_record(layout.manifest(path), Manifest)
    except RunDirectoryError:  # of another version: nothing that this one can use
        return []
    if manifest is None:
        return []
    own = manifest.model_copy(update={"previous": None})
    manifests = [own] if manifest.previous is None else [own, manifest.previous]
    known = all(one.file == path.name and one.protocol == PROTOCOL for one in manifests)
    return manifests if known else []


def write_artefact(path: Path, data: bytes, manifest: Manifest | None, *, durable: bool) -> None:
    """Put an artefact and its manifest in place. ``OSError`` when the disk refuses; what was there before then counts.

    All is written beside before the first rename, so that a disk that fills does so before anything has changed.
    """
    files = [(path, data)]
    if manifest is not None:
        beside, before = layout.manifest(path), manifest_of(path)
        files.append((beside, seal(manifest)))
        if before is not None:
            files.insert(0, (beside, seal(manifest.model_copy(update={"previous": before}))))
    staged: list[tuple[Path, Path]] = []
    placed: list[Path] = []
    try:
        for final, content in files:
            staged.append((stage(final, content, durable=durable), final))
        for temporary, final in staged:
            commit(temporary, final)
            placed.append(final)
            if durable and len(files) == 3:  # in this order on the medium too
                flush_directory(path.parent)
        if durable and len(files) < 3:
            flush_directory(path.parent)
    except OSError:
        for temporary, _ in staged:
            discard(temporary)
        if len(files) == 2 and placed == [path]:  # a file without its manifest is of no use
            discard(path)
        raise


def remove_artefact(path: Path) -> None:
    """Remove an artefact, its manifest first, so that no half of one counts. One that cannot go now stays whole."""
    try:
        layout.manifest(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError:
        return


def sweep_halves(directory: Path) -> None:
    """Remove what a killed process left of an artefact: a file without manifest, a manifest without file.

    Neither can be read by anything. What bears no artefact's name is somebody's own, and stays. Only for the holder of
    the lock.
    """
    if not directory.is_dir():
        return
    names = {path.name for path in directory.iterdir()}
    for name in names:
        artefact = layout.described_by(name) if name.endswith(".json") else name
        if layout.names_artefact(artefact) and not {artefact, layout.manifest(Path(artefact)).name} <= names:
            discard(directory / name)


@dataclass(frozen=True)
class SavedState:
    """Weights that sounds can be made with. name: as ``--checkpoint`` takes it; epoch, step: the moment they are of."""

    name: str
    path: Path
    epoch: int
    step: int


def saved_states(checkpoints: list[Artefact], snapshots: list[Artefact]) -> list[SavedState]:
    """What can be used: "best" and "last", then all snapshots by their files' names, the newest first."""
    states: dict[str, SavedState] = {}
    for item in checkpoints:  # by step, the best one last
        if item.manifest is not None:
            name = "last" if layout.checkpoint_step(item.path.name) is not None else "best"
            states[name] = SavedState(name, item.path, item.manifest.epoch, item.manifest.step)
    named = [states[name] for name in ("best", "last") if name in states]
    moments = [(item, layout.snapshot_moment(item.path.name)) for item in reversed(snapshots) if item.manifest]
    return named + [SavedState(item.path.name, item.path, *moment) for item, moment in moments if moment]


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

    @property
    def made(self) -> bool:
        """Whether the model made it; a reference is a recording. What counts previews counts these."""
        return self.role != "reference"


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
    files_of: dict[tuple[int, int, str, int], dict[str, str]] = {}
    for path in _files(root, directory):
        name = layout.preview_name(path.name)
        if name is not None:
            files = files_of.setdefault((name.epoch, name.step, name.role, name.index), {})
            files[name.suffix] = path.relative_to(root).as_posix()
    references_first = sorted(files_of, key=lambda key: (key[2] != "reference", key))
    return [PreviewSet(*key, files=files_of[key]) for key in references_first]


def _find(root: Path, directory: Path, order: Callable[[str], tuple[int, int] | None]) -> list[Artefact]:
    named = [(key, path) for path in _files(root, directory) if (key := order(path.name)) is not None]
    return [Artefact(path, manifest_of(path)) for _, path in sorted(named)]


def _files(root: Path, directory: Path) -> Iterator[Path]:
    """Regular files of ``directory`` that lie in ``root`` once links are followed."""
    try:
        inside = root.resolve()
        if not directory.resolve().is_relative_to(inside):
            return
        paths = list(directory.iterdir())
    except (OSError, RuntimeError):  # a link that leads back to itself
        return
    yield from (path for path in paths if _is_in(inside, path))


def _is_in(inside: Path, path: Path) -> bool:
    try:
        return path.is_file() and (not path.is_symlink() or path.resolve().is_relative_to(inside))
    except (OSError, RuntimeError):  # the system does not say, or it leads back to itself: as good as not there
        return False
