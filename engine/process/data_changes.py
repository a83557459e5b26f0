"""Whether a run that goes on finds the data it began with, and if not, what is different. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.errors import DataError
from engine.quantities import counted
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord, FileRow, RunRecord

if TYPE_CHECKING:
    from engine.rundir.writer import RunWriter

_NAMED = 3


def check_same_data(writer: RunWriter, record: RunRecord, fingerprint: str, now: list[FileRow]) -> None:
    """``DataError`` unless ``fingerprint``, of the data as it is ``now``, is that of the run's ``record``.

    A dataset.json that was damaged is written anew from data that is the same.
    """
    before = RunReader(writer.root).dataset()
    if fingerprint != record.fingerprint:
        if before is not None:
            raise changed_data(before.files, now)
        raise DataError(
            "The data has changed since this run began, and dataset.json, which names its files, is damaged or gone.",
            "Put the data back as it was to go on, or start a new run with what is there.",
        )
    if before is None:
        writer.write_dataset(DatasetRecord(files=now), anew=True)
        writer.warn("dataset.json was damaged or gone; the data is the same, and it is written anew.", "record")


def changed_data(before: Sequence[FileRow], now: Sequence[FileRow]) -> DataError:
    """What became of the files since the run began, as an error that says so."""
    old, new = _used(before), _used(now)
    more = sorted(new.keys() - old.keys())
    fewer = sorted(old.keys() - new.keys())
    edited = sorted(path for path in old.keys() & new.keys() if _facts(old[path]) != _facts(new[path]))
    parts = [
        f"{_files(names)} {word}" for names, word in ((more, "came"), (fewer, "went"), (edited, "changed")) if names
    ]
    if more and not fewer and not edited:
        fact, remedy = f"The data has grown since this run began: {_files(more)} came.", "Take them out again to go on"
    elif fewer and not more and not edited:
        fact, remedy = f"Some of the data is gone since this run began: {_files(fewer)}.", "Put it back to go on"
    else:
        what = ", ".join(parts) or "the content of a file is another"
        fact, remedy = f"The data has changed since this run began: {what}.", "Put it back as it was to go on"
    return DataError(fact, f"{remedy}, or start a new run with what is there.")


def _used(rows: Sequence[FileRow]) -> dict[str, FileRow]:
    return {row.path: row for row in rows if row.verdict != "skipped"}


def _facts(row: FileRow) -> tuple[object, ...]:
    return row.duration_s, row.sample_rate, row.channels, row.peak_db


def _files(names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    return f"{counted(len(names), 'file')} ({shown})"
