"""Which files of a folder are sound, by their names alone. Nothing is opened here."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.errors import DataError
from engine.printable import printable
from engine.rundir.layout import looks_like_run

# fmt: off
READABLE = frozenset((
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".aifc", ".au",
    ".snd", ".caf",
))
CONVERTIBLE = frozenset((
    ".m4a", ".m4b", ".aac", ".wma", ".ape", ".wv", ".alac", ".amr", ".ac3", ".dsf", ".dff", ".mpc", ".tta", ".mka",
    ".ra", ".mid", ".midi", ".mp4", ".m4v", ".mov", ".mkv", ".webm", ".weba", ".avi", ".mpg", ".mpeg", ".3gp", ".wmv",
    ".flv", ".aax", ".opu",
))
# fmt: on
MAX_FILES = 100_000
_MAX_DEPTH = 64


@dataclass(frozen=True)
class Found:
    """A file with the name of a sound. ``shown``: its path relative to the folder, printable as UTF-8."""

    path: Path
    shown: str

    @property
    def convertible(self) -> bool:
        """Whether it bears the name of a format that has to be converted before it can be read."""
        return self.path.suffix.lower() in CONVERTIBLE


def find_files(
    folder: Path,
    check: Callable[[], None] = lambda: None,
    passed: Callable[[Path], None] = lambda run: None,
    leads_up: Callable[[Path], None] = lambda link: None,
) -> list[Found]:
    """Every file below ``folder`` that is named like a sound, sorted by its relative path with forward slashes.

    Hidden names are passed over: those are the halves that macOS leaves on other disks (``._kick.wav``) and the
    trash of file managers. Run directories below ``folder`` are passed over, ``passed`` is told each: their sounds
    are previews. Links are followed; a folder is entered once, so that links in a circle end. One that leads to a
    folder above itself, as one to ``/`` does, is passed over: what lies beside ``folder`` is no part of it.
    ``leads_up`` is told each of these that leads out of ``folder``.
    Raises DataError when the folder is missing, is none, or cannot be listed.
    """
    if not folder.is_dir():
        kind = "is not a folder" if folder.exists() else "does not exist"
        raise DataError(f"{printable(folder)} {kind}.", "Name a folder with sound files.")
    try:
        files = [Found(path, printable(path.relative_to(folder))) for path in _walk(folder, check, passed, leads_up)]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"{printable(folder)} cannot be read: {reason}.", "Check its permissions.") from None
    return sorted(files, key=lambda file: file.shown)


def _walk(
    folder: Path, check: Callable[[], None], passed: Callable[[Path], None], leads_up: Callable[[Path], None]
) -> Iterator[Path]:
    entered: set[tuple[int, int]] = set()
    count = 0
    waiting = [(folder, 0)]
    while waiting:
        check()
        place, depth = waiting.pop()
        try:
            about = place.stat()
            if (about.st_dev, about.st_ino) in entered:
                continue
            if place != folder and place.is_symlink() and _leads_up(place, folder):
                leads_up(place)  # one that leads to a folder which was entered is no loss
                continue
            entered.add((about.st_dev, about.st_ino))
            files, folders, is_run = _list(place)
        except OSError:
            if place == folder:
                raise
            continue  # a folder inside that may not be listed hides its sounds, not the others
        if is_run and place != folder:
            passed(place)
            continue
        for path in files:
            count += 1
            if count > MAX_FILES:
                raise DataError(
                    f"More than {MAX_FILES:,} sound files in {printable(folder)}.", "Name a smaller folder."
                )
            yield path
        if depth < _MAX_DEPTH:
            # Links wait until all real folders are done: one that both lead to keeps its own path, not the link's.
            folders.sort(key=lambda path: path.name, reverse=True)
            waiting += [(path, depth + 1) for path in folders if not path.is_symlink()]
            waiting[:0] = [(path, depth + 1) for path in folders if path.is_symlink()]


def _leads_up(link: Path, folder: Path) -> bool:
    """Whether ``link`` leads to a folder that holds it, or ``folder``, at any depth."""
    end = link.resolve()
    return any(place.resolve().is_relative_to(end) for place in (link.parent, folder))


def _list(place: Path) -> tuple[list[Path], list[Path], bool]:
    """Files named like sounds, and folders, in ``place``; whether it is a run directory."""
    names: set[str] = set()
    files: list[Path] = []
    folders: list[Path] = []
    with os.scandir(place) as entries:
        for entry in entries:
            names.add(entry.name)
            if entry.name.startswith("."):
                continue
            if _is_folder(entry):
                folders.append(Path(entry.path))
            elif Path(entry.name).suffix.lower() in READABLE | CONVERTIBLE:
                files.append(Path(entry.path))
    return files, folders, looks_like_run(names)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False
