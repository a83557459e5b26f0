"""Reading a run directory that may come from a stranger, or from a process that was killed.

No link in one leads a reader or a writer out of it, no file is read without end, and what is damaged counts as missing.
A run writes no links, pipes or devices: whatever of that kind lies in its directory was put there by somebody else.
"""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeVar

from pydantic import ValidationError

from engine.errors import StorageError
from engine.regular_file import open_at_once
from engine.rundir.encoding import as_written, unseal
from engine.rundir.layout import Layout
from engine.rundir.protocol import PROTOCOL, Record, other_protocol

_AnyRecord = TypeVar("_AnyRecord", bound=Record)
AT_ONCE = 1 << 26  # No look takes more of a file than this into memory, whatever stands in it.


class WholeLines(NamedTuple):
    """A block of a journal, and how many of its bytes are whole lines: a last one that is torn waits for its end."""

    block: bytes
    length: int


def own_file(path: Path) -> bool:
    """Whether ``path`` is a regular file of its own directory: not a pipe, and no link that leads out."""
    try:
        return path.is_file() and (
            not path.is_symlink() or path.resolve().is_relative_to(path.parent.resolve(strict=True))
        )
    except (OSError, RuntimeError):  # a link that leads back to itself
        return False


def names_in(folder: Path, suffix: str) -> list[str]:
    """The names in ``folder`` that end in ``suffix``, in their order; none where there is no folder.

    ``StorageError`` where it cannot be listed, which :meth:`Path.glob` takes for an empty one.
    """
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(suffix))  # noqa: PTH208 - names, no paths
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StorageError.of(error) from error


def read_own(path: Path, most: int = Record.most_bytes) -> bytes | None:
    """The bytes of an :func:`own_file`; None when it is none or longer than ``most``. Raises OSError."""
    if not own_file(path) or path.stat().st_size > most:
        return None
    with open_at_once(path) as file:
        data = file.read(most + 1)
    return data if len(data) <= most else None


def whole_lines(file: BinaryIO, offset: int, size: int, most: int) -> WholeLines:
    """The lines of ``file`` from ``offset`` on that end within its first ``size`` bytes, ``most`` bytes of them.

    A first line that is longer (damage: nothing that a training writes is) comes whole, so that none hides those
    behind it; one of more than ``AT_ONCE`` does. OSError when it cannot be read.
    """
    file.seek(offset)
    block = file.read(min(most, size - offset))
    length = block.rfind(b"\n") + 1
    left = size - offset - len(block)
    if not length and left > 0:
        block += file.readline(min(AT_ONCE, left))
        length = len(block) if block.endswith(b"\n") else 0
    return WholeLines(block, length)


def last_lines(path: Path, most: int = 64_000) -> list[str]:
    """The lines in the last ``most`` bytes of an :func:`own_file`, blank ones left out; none where it cannot be read.

    Of a line that redraws itself, a progress bar, what it showed last. A log may grow for ever: its tail alone is read.
    """
    if not own_file(path):
        return []
    try:
        with open_at_once(path) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - most))
            text = file.read(most).decode("utf-8", errors="replace")
    except OSError:
        return []
    shown = [line.rstrip().rsplit("\r", 1)[-1] for line in text.split("\n")]
    return [line for line in shown if line.strip()]


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in an :func:`own_file`; empty when the file is none, cannot be read or holds no object."""
    try:
        return as_written(read_own(path) or b"") or {}
    except OSError:
        return {}


def object_at(path: Path) -> dict[str, Any]:
    """The JSON object in an :func:`own_file`; empty where nothing has that name.

    ``OSError`` where something has it and no object can be read of it, now or ever (:func:`unreadable`): who writes or
    removes by what stands there must not take that for nothing.
    """
    if not is_there(path):
        return {}
    found = as_written(read_own(path) or b"")
    if found is None:
        raise unreadable(path)
    return found


def unreadable(path: Path) -> OSError:
    """That what is at ``path`` is not what a program wrote there."""
    return OSError(errno.EBADMSG, "it is damaged", str(path))


def is_there(path: Path) -> bool:
    """Whether anything has that name; ``OSError`` where the system does not say."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def read_record(path: Path, kind: type[_AnyRecord]) -> _AnyRecord | None:
    """The record in a file of a run; None when it is missing or damaged.

    ``RunDirectoryError`` of another version's, for the kinds that say their ``protocol``.
    """
    raw = _read_patiently(path, kind.most_bytes)
    values = None if raw is None else unseal(raw) if kind.sealed else as_written(raw)
    if raw is None or values is None:
        return None
    try:
        record = kind.model_validate_json(raw)
    except ValidationError:
        record, protocol = None, values.get("protocol")
    else:
        protocol = getattr(record, "protocol", None)
    if "protocol" in kind.model_fields and isinstance(protocol, int) and protocol != PROTOCOL:
        raise other_protocol(path.parent.name, protocol)
    return record if record is not None and record.plausible else None


def read_records(path: Path, kind: type[_AnyRecord]) -> list[_AnyRecord]:
    """The whole lines of ``path`` in order; damaged ones are left out, and a file that cannot be read has none."""
    try:
        raw = read_own(path) or b""
    except OSError:
        return []
    records = []
    for line in raw.split(b"\n")[:-1]:
        if as_written(line) is None:  # too deep for who walks it
            continue
        try:
            record = kind.model_validate_json(line)
        except ValidationError:
            continue
        if record.plausible:
            records.append(record)
    return records


def links(layout: Layout) -> Iterator[Path]:
    """The names of a run directory that are links, where a run would write through them."""
    named = (
        layout.run, layout.dataset, layout.sessions, layout.lock, layout.status, layout.metrics, layout.plans,
        layout.control, layout.log, layout.checkpoints, layout.snapshots, layout.previews,
    )  # fmt: skip
    return (path for path in named if path.is_symlink())


def _read_patiently(path: Path, most: int) -> bytes | None:
    """:func:`read_own`, None where it fails. Windows refuses for the moment in which the writer replaces the file."""
    for _ in range(5 if sys.platform == "win32" else 1):
        try:
            return read_own(path, most)
        except PermissionError:
            time.sleep(0.01)
        except OSError:
            return None
    return None
