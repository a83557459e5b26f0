"""What a run made: checkpoints, snapshots, previews. Found by name; no link out of the run is followed.

A checkpoint or snapshot counts only with its manifest, whose digest covers the manifest itself. So one is written file
first, manifest second, and removed the other way round; one that is replaced has, while it is, a manifest that
describes both the old file and the new, so that there is no moment without either.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from engine.rundir import layout
from engine.rundir.atomic import commit, discard, flush_directory, stage
from engine.rundir.encoding import encode
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
        return _describes(self.manifest, self.path)


def read_verified(path: Path) -> tuple[bytes, Manifest] | None:
    """The bytes of a checkpoint or snapshot and its manifest, when they belong together; None otherwise.

    What was hashed is what is returned: nothing can change in between.
    """
    try:
        data = path.read_bytes() if path.is_file() else b""
    except OSError:
        return None
    found, digest = _read_manifest(path), hashlib.sha256(data).hexdigest()  # the manifest after its file: see write
    for manifest in (found, found and found.previous):
        if manifest is not None and (len(data), digest) == (manifest.bytes, manifest.sha256):
            return data, manifest
    return None


def write(path: Path, data: bytes, manifest: Manifest | None, *, durable: bool) -> None:
    """Put an artefact and its manifest in place. ``OSError`` when the disk refuses; what was there before then counts.

    All is written beside before the first rename, so that a disk that fills does so before anything has changed.
    """
    files = [(path, data)]
    if manifest is not None:
        beside, before = layout.manifest(path), _manifest(path)
        files.append((beside, sealed(manifest)))
        if before is not None:
            files.insert(0, (beside, sealed(manifest.model_copy(update={"previous": before}))))
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


def remove(path: Path) -> None:
    """Remove an artefact, its manifest first, so that no half of one counts. One that cannot go now stays whole."""
    try:
        layout.manifest(path).unlink(missing_ok=True)
        path.unlink(missing_ok=True)
    except OSError:
        return


def sweep_halves(directory: Path) -> None:
    """Remove what a killed process left of an artefact: a file without manifest, a manifest without file.

    Neither can be read by anything. Only for the holder of the lock.
    """
    if not directory.is_dir():
        return
    names = {path.name for path in directory.iterdir()}
    for name in names:
        alone = layout.names_artefact(name) and layout.manifest(directory / name).name not in names
        if alone or (name.endswith(".json") and not names & set(layout.described_by(name))):
            discard(directory / name)


def sealed(manifest: Manifest) -> bytes:
    """``manifest`` as the bytes of its file, with the digest of its other keys."""
    values = json.loads(encode(manifest))
    return encode({**values, "digest": _digest(values)}, indent=1)


def _digest(values: dict[str, object]) -> str:
    rest = {key: value for key, value in values.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _describes(manifest: Manifest, path: Path) -> bool:
    try:
        if path.stat().st_size != manifest.bytes:
            return False
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == manifest.sha256
    except OSError:
        return False


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
    """The manifest of the file as it is. Of one caught while it was replaced the file says which of two that is."""
    manifest = _read_manifest(path)
    if manifest is None or manifest.previous is None:
        return manifest
    chosen = manifest if _describes(manifest, path) else manifest.previous
    return chosen.model_copy(update={"previous": None})


def _read_manifest(path: Path) -> Manifest | None:
    """None when it is missing, damaged, from a newer version, or another file's."""
    beside = layout.manifest(path)
    try:
        raw = beside.read_bytes() if beside.is_file() else b""
        manifest = Manifest.model_validate_json(raw)
        whole = manifest.digest in (None, _digest(json.loads(raw)))
    except (OSError, ValidationError, ValueError):
        return None
    return manifest if whole and manifest.file == path.name and manifest.protocol <= PROTOCOL else None


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
