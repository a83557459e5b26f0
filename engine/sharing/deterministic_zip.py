"""Zip archives with nothing in them but their members: the same members give the same bytes, on every machine.

Members are stored, not compressed: what is inside is compressed already or does not compress, no version of zlib
changes a byte, and an archive that holds more than it weighs cannot be.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from engine.errors import DataError
from engine.regular_file import check_regular, open_at_once
from engine.rundir.atomic import beside, commit, discard

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest moment a zip can name
_MODE = 0o100644 << 16
ENCRYPTED = 1  # of a member's flags
DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError)  # what no zip is read with
MOST_MEMBERS = 200_000  # 30,000 moments of previews; each costs its reader half a kilobyte of memory and a file


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Put an archive of ``members`` at ``path``, whole or not at all. Raises OSError, ValueError for one name twice.

    ``DataError`` when there are more than ``MOST_MEMBERS``, which :func:`read_zip` would refuse.
    """
    temporary = beside(path)
    discard(temporary)  # of a killed process of this number: in a container every one has it
    try:
        with temporary.open("xb") as file:  # who may read it, the umask says
            _fill(file, members)
        commit(temporary, path)
    except OSError as error:
        if error.filename in (None, str(temporary)):  # a write names no file
            error.filename = str(path)  # what its user knows of
        raise
    finally:
        discard(temporary)  # there still where it found no place


def zip_bytes(members: Iterable[tuple[str, bytes]]) -> bytes:
    """What :func:`write_zip` would write."""
    out = io.BytesIO()
    _fill(out, members)
    return out.getvalue()


def _fill(file: IO[bytes], members: Iterable[tuple[str, bytes]]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        taken: set[str] = set()
        for name, data in members:
            if name in taken:
                raise ValueError(f"{name} would lie in this archive twice")
            taken.add(name)
            _check_count(len(taken))
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system, info.external_attr = 3, _MODE  # Unix, or Windows would write its own number
            archive.writestr(info, data)


def read_zip(path: Path, most_bytes: int) -> dict[str, bytes]:
    """Every member of an archive that :func:`write_zip` could have written.

    ``DataError`` when it is none: not a zip, damaged, compressed, encrypted, of one name twice, of more than
    ``MOST_MEMBERS``, or more than ``most_bytes``. No more is ever read than the file holds.
    """
    try:
        with open_at_once(path) as file, zipfile.ZipFile(_regular(file, path)) as archive:
            found = archive.infolist()
            _check(path, found, most_bytes)
            return {info.filename: archive.read(info) for info in found}
    except DAMAGE as error:
        raise DataError(f"{path.name} is damaged or no zip archive ({error}).", "Use another copy of it.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}).", "Name a file that can.") from error


def _regular(file: IO[bytes], path: Path) -> IO[bytes]:
    check_regular(file.fileno(), path)
    return file


def _check(path: Path, found: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if any(info.flag_bits & ENCRYPTED for info in found):
        raise DataError(f"{path.name} is encrypted.", "Ask for it without a password.")
    names = {info.filename for info in found}
    compressed = any(info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size for info in found)
    if compressed or len(names) != len(found):
        raise DataError(
            f"{path.name} was packed by another program.", "Use the file as Sweetspot wrote it, not a repacked one."
        )
    _check_count(len(found))
    size = sum(info.file_size for info in found)
    if size > path.stat().st_size:
        raise DataError(f"{path.name} claims to hold {size} bytes, more than it can.", "Use another copy of it.")
    if size > most_bytes:
        raise DataError(f"{path.name} holds {size} bytes; {most_bytes} at most are read.", "Leave out what is large.")


def _check_count(members: int) -> None:
    if members > MOST_MEMBERS:
        raise DataError(
            f"These are more than {MOST_MEMBERS:,} files, the most that one archive is read with.",
            "Leave out what is not needed.",
        )
