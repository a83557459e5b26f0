"""A run from elsewhere, taken in: read as a stranger's, and written anew as a pack would hold it.

Nothing of it is believed. Of an archive only what :func:`engine.sharing.pack.pack` could have written is taken; of that
and of a directory only what a reader of runs understands goes on, without what names a machine. So whatever it says of
itself, it is looked at and never trained here.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path, PurePosixPath

from engine.errors import DataError, StorageError
from engine.printable import printable
from engine.rundir.layout import is_run_id
from engine.rundir.reader import RunReader
from engine.sharing.deterministic_zip import read_zip
from engine.sharing.pack import contents

MOST_BYTES = 4 << 30
_MOST_DEEP = 3  # RUN/previews/NAME
_NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*$")


def take_in(source: Path, runs_dir: Path) -> Path:
    """Put a copy of the run in ``source``, a packed run or a run's directory, below ``runs_dir``; where it lies then.

    ``DataError``, ``RunDirectoryError`` for what is no run or holds what belongs to none; ``StorageError`` by the disk.
    """
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".taken-in-", dir=runs_dir) as staging:
            given = source if source.is_dir() else _unpacked(source, Path(staging) / "given")
            reader = RunReader(given)
            if not reader.exists or reader.run() is None:
                raise DataError(f"{printable(source)} holds no run.", "Name a run's directory, or what pack wrote.")
            staged = Path(staging) / "run"
            _write(staged, contents(reader))
            return _placed(staged, runs_dir, given.name)
    except OSError as error:
        raise StorageError.of(error) from error


def _unpacked(source: Path, place: Path) -> Path:
    """The one folder of an archive, below ``place``."""
    members = read_zip(source, MOST_BYTES)
    for name in members:
        _check(name)
    folders = {PurePosixPath(name).parts[0] for name in members}
    if len(folders) != 1:
        raise DataError(f"{source.name} holds no run.", "Give what “sweetspot pack” wrote.")
    _write(place, members.items())
    return place / folders.pop()


def _check(name: str) -> None:
    """Refuse what would lie anywhere but in the folder of a run: ``..``, full paths, drives, hidden names."""
    parts = name.split("/")
    if not (2 <= len(parts) <= _MOST_DEEP and is_run_id(parts[0]) and all(map(_NAME.match, parts))):
        raise DataError(
            f"{printable(Path(name))} in it belongs to no run.",
            "Ask for what “sweetspot pack” wrote; nothing was kept.",
        )


def _write(place: Path, members: Iterable[tuple[str, bytes]]) -> None:
    place.mkdir(parents=True)
    for name, data in members:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def _placed(staged: Path, runs_dir: Path, name: str) -> Path:
    """Under its own name where that is free and is one, else with a number behind it."""
    stem = name if is_run_id(name) else "run"
    for candidate in chain([stem], (f"{stem[:58]}-{number}" for number in count(2))):
        root = runs_dir / candidate
        try:
            root.mkdir()
        except FileExistsError:
            continue
        root.rmdir()  # it was free
        return staged.rename(root)
    raise AssertionError("numbers do not end")
