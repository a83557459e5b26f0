"""A checkpoint or snapshot and its manifest, which belong together: written, replaced, removed, told apart.

An artefact counts only with its manifest, whose digest covers the manifest itself. So one is written file first,
manifest second, and removed the other way round; one that is replaced has, while it is, a manifest that describes both
the old file and the new: there is no moment without either.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from engine.rundir import layout
from engine.rundir.atomic import commit, discard, flush_directory, stage
from engine.rundir.inside import read_own
from engine.rundir.plausible import plausible
from engine.rundir.schema import PROTOCOL, Manifest
from engine.rundir.seal import seal, unseal


def write(path: Path, data: bytes, manifest: Manifest | None, *, durable: bool) -> None:
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
        if alone or (name.endswith(".json") and layout.described_by(name) not in names):
            discard(directory / name)


def describes(manifest: Manifest, path: Path) -> bool:
    """Whether the file at ``path`` is, bit for bit, the one that ``manifest`` is about. Reads the whole file."""
    try:
        if path.stat().st_size != manifest.bytes:
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
        raw = read_own(layout.manifest(path))
        if raw is None or unseal(raw) is None:
            return []
        manifest = Manifest.model_validate_json(raw)
    except (OSError, ValidationError):
        return []
    own = manifest.model_copy(update={"previous": None})
    found = [own] if manifest.previous is None else [own, manifest.previous]
    known = all(one.file == path.name and one.protocol == PROTOCOL and plausible(one) for one in found)
    return found if known else []
