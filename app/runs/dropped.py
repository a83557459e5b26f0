"""Sounds, or a table, that were dropped into the app: put beside the runs, from where they are learned.

What comes may be anybody's archive: it is unpacked by its names alone, and none leads out of the folder.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path, PurePath, PurePosixPath

from engine.audio.files.find import CONVERTIBLE, READABLE
from engine.errors import DataError, OutOfMemoryError, StorageError
from engine.printable import DEVICE
from engine.registry import learns_from_file
from engine.sharing.deterministic_zip import DAMAGE, ENCRYPTED
from engine.sharing.staging import staging

PLACE = ".dropped"  # no name of a run
MOST_BYTES, MOST_FILES = 4 << 30, 20_000
MOST_DEEP = 32  # folders in each other
MOST_PACKED = 200  # times: no sound is packed so well, and a bomb is packed better
_LONGEST_NAME, _LONGEST_SUFFIX = 120, 12  # bytes: systems count those, and allow 143 to 255
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others' readers unpack all at once, whatever it claims
_HEADER = 30  # bytes before the name of a member, at least
_PIECE = 1 << 20
_TAKEN = "WAV, FLAC, OGG, MP3 or AIFF files, or one table (CSV)"
# It lies in memory, so that an OSError is no fault of the disk.
_DAMAGE = (*DAMAGE, zipfile.LargeZipFile, zlib.error, OSError)


@dataclass(frozen=True)
class Kept:
    """source: the folder of the sounds, or the table. passed: how many files beside them were none, also in archives,
    hidden ones not counted."""

    source: Path
    passed: int

    @property
    def table(self) -> bool:
        return not self.source.is_dir()


def keep(runs_dir: Path, files: Sequence[tuple[str, memoryview]]) -> Kept:
    """Put sounds, and those of zip archives among ``files`` (name or relative path, content), into one folder; where
    there is no sound, put the one table there.

    The same files lead to the same place. ``DataError`` for an archive that is damaged or hostile, where there is
    nothing to learn from, or more than one table; ``StorageError`` by the disk; ``OutOfMemoryError``.
    """
    place = runs_dir / PLACE / _digest(files)
    try:
        seen = [one for name, data in files for one in _names(name, data) if not _hidden(one)]
        table = _table(seen)
        wanted = learns_from_file if table else _is_sound
        source = place / (clean(PurePosixPath(table).name) if table else _called(files))
        if not source.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            with staging(place.parent) as made:
                staged = _Staged(made / "sounds")
                above = f"{_top(files)}/"
                for name, data in files:
                    _put(staged, name.replace("\\", "/").removeprefix(above), data, wanted)
                place.mkdir(exist_ok=True)
                _settle(next(staged.files()) if table else staged.root, source)
    except OSError as error:
        raise StorageError.of(error) from error
    except MemoryError as error:
        raise OutOfMemoryError(
            "These files need more memory than is free.", "Name their folder instead, or drop fewer at a time."
        ) from error
    return Kept(source, sum(not wanted(one) for one in seen))


def _table(names: Sequence[str]) -> str:
    """The one table of these files, where they are no sounds; "" where they are. ``DataError`` for any other."""
    if any(map(_is_sound, names)):
        return ""
    tables = [name for name in names if learns_from_file(name)]
    if not tables:
        raise DataError("There is neither a sound nor a table among these files.", f"Drop {_TAKEN}.")
    if len(tables) > 1:
        raise DataError(f"These are {len(tables)} tables, and a run learns from one.", "Drop that one alone.")
    return tables[0].replace("\\", "/")


def shown(source: str) -> str:
    """``source`` as a page names it: of what was dropped what it is called, for its place is our own."""
    path = PurePath(source)
    return f"{path.name} (dropped)" if path.parent.parent.name == PLACE else source


def _settle(staged: Path, source: Path) -> None:
    """Give what was staged its place; where another tab has put the same there meanwhile, that stays."""
    try:
        staged.rename(source)
    except OSError:
        if not source.exists():
            raise


class _Staged:
    """Files put below ``root`` under their own names, as far as any system takes them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._last: Counter[Path] = Counter()  # numbers given: 20,000 of one name would each begin at 2
        self._folders: dict[Path, Path] = {}
        root.mkdir()

    def write(self, name: str, data: bytes | memoryview) -> None:
        """Of two alike, a folder and a file too, the later one gets a number. ``DataError`` for one too deep."""
        parts = [clean(part) for part in PurePosixPath(name.replace("\\", "/")).parts if part not in ("/", ".", "..")]
        if len(parts) > MOST_DEEP:
            raise DataError(f"{parts[-1]} lies in more than {MOST_DEEP} folders.", "Drop the folder that it lies in.")
        folder = self.root
        for part in parts[:-1]:
            folder = self._folder(folder / part)
        self._free(folder / parts[-1]).write_bytes(data)

    def files(self) -> Iterator[Path]:
        return (path for path in self.root.rglob("*") if path.is_file())

    def _folder(self, path: Path) -> Path:
        if path not in self._folders:
            self._folders[path] = path if path.is_dir() else self._free(path)
            self._folders[path].mkdir(exist_ok=True)
        return self._folders[path]

    def _free(self, path: Path) -> Path:
        taken, number = path, max(1, self._last[path])
        while taken.exists():
            number += 1
            taken = path.with_name(f"{path.stem}-{number}{path.suffix}")
        self._last[path] = number
        return taken


def _put(staged: _Staged, name: str, data: memoryview, wanted: Callable[[str], bool]) -> None:
    if _is_zip(name):
        for inside, content in _of_zip(name, data, wanted):
            staged.write(inside, content)
    elif wanted(name) and not _hidden(name):
        staged.write(name, data)


def _names(name: str, data: memoryview) -> list[str]:
    """Of a file its name, of an archive those of what it holds; ``DataError`` for one that may not be unpacked."""
    if not _is_zip(name):
        return [name]
    with _opened(name, data) as archive:
        found = [one for one in archive.infolist() if _is_file(one)]
        _check(name, found, len(data))
    return [one.filename for one in found]


def _of_zip(name: str, data: memoryview, wanted: Callable[[str], bool]) -> Iterator[tuple[str, bytes]]:
    """What is wanted of an archive that was found to be harmless."""
    with _opened(name, data) as archive:
        for one in archive.infolist():
            if _is_file(one) and wanted(one.filename) and not _hidden(one.filename):
                with _readable(name):
                    content = _read(archive, one)
                yield one.filename, content


def _is_file(one: zipfile.ZipInfo) -> bool:
    """Whether it is no folder, and has a name at all (``ZipInfo.is_dir`` fails without one)."""
    return bool(one.filename) and not one.filename.endswith("/")


def _read(archive: zipfile.ZipFile, one: zipfile.ZipInfo) -> bytes:
    """What it claims to hold and no more, in pieces: at once it would be unpacked whole before it is cut."""
    with archive.open(one) as file:
        return b"".join(iter(partial(file.read, _PIECE), b""))


def _opened(name: str, data: memoryview) -> zipfile.ZipFile:
    with _readable(name):
        return zipfile.ZipFile(io.BytesIO(data))


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """``DataError`` for whatever a damaged, encrypted or unknown archive makes its reader fail with."""
    try:
        yield
    except _DAMAGE as error:
        raise DataError(
            f"{name} is damaged, or no zip archive ({error}).", "Pack it anew, or drop the files."
        ) from error


def _check(name: str, found: Sequence[zipfile.ZipInfo], weighs: int) -> None:
    if any(one.flag_bits & ENCRYPTED for one in found):
        raise _hostile(name, "it is encrypted")
    for one in found:
        parts = PurePosixPath(one.filename.replace("\\", "/")).parts
        if ".." in parts or one.filename.startswith(("/", "\\")) or re.match("[A-Za-z]:", one.filename):
            raise _hostile(name, f"{clean(one.filename)} in it would lie outside of its folder")
        if len(parts) > MOST_DEEP:
            raise _hostile(name, f"{clean(parts[-1])} in it lies in more than {MOST_DEEP} folders")
        if stat.S_ISLNK(one.external_attr >> 16):
            raise _hostile(name, f"{clean(one.filename)} in it is a link")
    if any(one.compress_type not in _METHODS for one in found):
        raise _hostile(name, "it is packed in a way that is not common to zip archives")
    if _overlap(found):
        raise _hostile(name, "some of its files lie in each other")
    size = sum(one.file_size for one in found)
    if size > min(MOST_BYTES, MOST_PACKED * weighs + (1 << 24)):
        raise _hostile(name, f"it would unpack to {size / 1e9:.1f} GB")
    if len(found) > MOST_FILES:
        raise _hostile(name, f"it holds more than {MOST_FILES:,} files")


def _overlap(found: Sequence[zipfile.ZipInfo]) -> bool:
    """Whether one stretch of the archive is to be unpacked for more than one file."""
    at = sorted((one.header_offset, one.header_offset + _HEADER + one.compress_size) for one in found)
    return any(end > begin for (_, end), (begin, _) in pairwise(at))


def _hostile(name: str, why: str) -> DataError:
    return DataError(f"{clean(name)} was not unpacked: {why}.", "Unpack it yourself, look at it, and name its folder.")


def clean(name: str) -> str:
    """A name that every system takes and no screen is fooled by."""
    shown = "".join(char if char.isprintable() and char not in '<>:"/\\|?*' else "-" for char in name)
    stem, suffix = os.path.splitext(DEVICE.sub(r"\1-", shown.strip(" .")))  # noqa: PTH122 - a text, no path
    return f"{_cut(stem, _LONGEST_NAME)}{_cut(suffix, _LONGEST_SUFFIX)}".rstrip(" .") or "-"


def _cut(text: str, most: int) -> str:
    """As much of its beginning as fits into so many bytes."""
    return text.encode()[:most].decode(errors="ignore")


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _is_sound(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in READABLE | CONVERTIBLE


def _hidden(name: str) -> bool:
    """Whether the scan would not look at it: halves of macOS and the like; ".." is a way, no name."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return any(part.startswith((".", "__MACOSX")) for part in parts if part != "..")


def _called(files: Sequence[tuple[str, memoryview]]) -> str:
    """What the folder is called: the dropped folder, the one archive, else "sounds"."""
    alone = len(files) == 1 and _is_zip(files[0][0])
    return clean(_top(files) or (PurePosixPath(files[0][0]).stem if alone else "sounds"))


def _top(files: Sequence[tuple[str, memoryview]]) -> str:
    """The one folder that all of them lie in; "" where there is none."""
    paths = [PurePosixPath(name.replace("\\", "/")) for name, _ in files]
    tops = {path.parts[0] if len(path.parts) > 1 else "" for path in paths}
    return tops.pop() if len(tops) == 1 else ""


def _digest(files: Sequence[tuple[str, memoryview]]) -> str:
    found = hashlib.sha256()
    for name, data in sorted(files, key=lambda one: one[0]):
        found.update(f"{len(name)} {name} {len(data)} ".encode("utf-8", "backslashreplace"))
        found.update(data)
    return found.hexdigest()[:16]
