"""A run from elsewhere, taken in: read as a stranger's, and written anew as a pack would hold it.

Nothing of it is believed. Of an archive only what :func:`engine.sharing.pack.pack` could have written is taken; of that
and of a directory only what a reader of runs understands goes on, without what names a machine. So whatever it says of
itself, it is looked at and never trained here.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path, PurePosixPath

from engine.errors import DataError, StorageError
from engine.printable import escaped, printable
from engine.quantities import counted, plural
from engine.rundir.layout import is_run_id, manifest
from engine.rundir.reader import RunReader
from engine.sharing.deterministic_zip import read_zip
from engine.sharing.pack import NOTE, contents, damaged_sentence
from engine.sharing.staging import staging

MOST_BYTES = 4 << 30
_MOST_DEEP = 3  # RUN/previews/NAME
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{,99}")
_SHOWN = 60  # letters of a name in a sentence


@dataclass(frozen=True)
class TakenIn:
    """A run that was taken in. root: where it lies.

    Not in it are the files that were damaged, by their paths in the run, and those of an archive, ``passed`` in number,
    that belong to no packed run.
    """

    root: Path
    damaged: tuple[str, ...]
    passed: int

    @property
    def sentences(self) -> Iterator[str]:
        """What is missing, for who expects it; none where nothing is."""
        if self.damaged:
            yield f"{damaged_sentence(self.damaged)}."
        if self.passed:
            were = plural(self.passed, "was", "were")
            yield f"{counted(self.passed, 'file')} that no packed run consists of {were} passed over."


def take_in(source: Path, runs_dir: Path) -> TakenIn:
    """Put a copy of the run in ``source``, a packed run or a run's directory, below ``runs_dir``.

    ``DataError``, ``RunDirectoryError`` for what is no run or holds what belongs to none; ``StorageError`` by the disk.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with staging(runs_dir) as place:
            given, names = (source, set[str]()) if source.is_dir() else _unpacked(source, place / "given")
            reader = RunReader(given)
            if not reader.exists or reader.run() is None:
                raise DataError(
                    f"{escaped(printable(source))} holds no run.", "Name a run's directory, or what pack wrote."
                )
            staged = place / "run"
            damaged: list[str] = []
            written = _write(staged, _bounded(contents(reader, damaged)))
            known = {*written, *damaged, *(manifest(Path(name)).as_posix() for name in damaged), NOTE}
            return TakenIn(_placed(staged, runs_dir, given.name), tuple(damaged), len(names - known))
    except OSError as error:
        if error.filename is None:  # a write names no file
            error.filename = str(runs_dir)
        raise StorageError.of(error) from error


def _unpacked(source: Path, place: Path) -> tuple[Path, set[str]]:
    """The one folder of an archive, below ``place``, and the names in it."""
    members = read_zip(source, MOST_BYTES)
    holders = {parent.as_posix() for name in members for parent in PurePosixPath(name).parents}
    for name in members:
        _check(name)
        if name in holders:  # a file and a folder at once
            raise _stranger(name)
    folders = {PurePosixPath(name).parts[0] for name in members}
    if len(folders) != 1:
        raise DataError(f"{escaped(source.name)} holds no run.", "Give what “sweetspot pack” wrote.")
    _write(place, members.items())
    folder = folders.pop()
    return place / folder, {name.removeprefix(f"{folder}/") for name in members}


def _check(name: str) -> None:
    """Refuse what would lie anywhere but in the folder of a run: ``..``, full paths, drives, hidden names."""
    parts = name.split("/")
    if not (2 <= len(parts) <= _MOST_DEEP and is_run_id(parts[0]) and all(map(_NAME.fullmatch, parts))):
        raise _stranger(name)


def _stranger(name: str) -> DataError:
    shown = escaped(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")
    return DataError(f"{shown} in it belongs to no run.", "Ask for what “sweetspot pack” wrote; nothing was kept.")


def _bounded(members: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
    """``members`` as far as they are no more than an archive of them may be; ``DataError`` then."""
    size = 0
    for name, data in members:
        size += len(data)
        if size > MOST_BYTES:
            raise DataError(
                f"This run has more than {MOST_BYTES / 1e9:.1f} GB, which is too much to take in.",
                "Ask for it as “sweetspot pack --without-checkpoints” writes it; nothing was kept.",
            )
        yield name, data


def _write(place: Path, members: Iterable[tuple[str, bytes]]) -> set[str]:
    """Put ``members`` below ``place``, which is made; their names."""
    place.mkdir(parents=True)
    names = set()
    for name, data in members:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        names.add(name)
    return names


def _placed(staged: Path, runs_dir: Path, name: str) -> Path:
    """Under its own name where that is free and is one, else with a number behind it."""
    stem = name if is_run_id(name) else "run"
    for candidate in chain([stem], (f"{stem[:58]}-{number}" for number in count(2))):
        root = runs_dir / candidate
        try:
            root.mkdir()
        except FileExistsError:
            continue
        if sys.platform == "win32":  # which takes no empty folder's place
            root.rmdir()
        return staged.rename(root)
    raise AssertionError("numbers do not end")
