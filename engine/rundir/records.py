"""Small files of a run directory that hold a record a line, read whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from engine.rundir.inside import read_own
from engine.rundir.plausible import plausible
from engine.rundir.schema import Record

_AnyRecord = TypeVar("_AnyRecord", bound=Record)


def read_records(path: Path, kind: type[_AnyRecord]) -> list[_AnyRecord]:
    """The whole lines of ``path`` in order; damaged ones are left out, and a file that cannot be read has none."""
    try:
        raw = read_own(path) or b""
    except OSError:
        return []
    found = []
    for line in raw.split(b"\n")[:-1]:
        try:
            record = kind.model_validate_json(line)
        except ValidationError:
            continue
        if plausible(record):
            found.append(record)
    return found
