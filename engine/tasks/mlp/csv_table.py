"""CSV files as tables, judged whole before anything is learned from them. No torch.

What is decided here is the same for every row and needs no fit: what a column is, which ones tell nothing, rows without
a target. What must be learned from the learning rows alone is in :mod:`engine.tasks.mlp.preparation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import DataError
from engine.installation import install
from engine.printable import escaped
from engine.quantities import counted
from engine.rundir.record import FileRow
from engine.stamp import Stamp, stamp_of
from engine.tasks.mlp.column_kinds import Column, complaint, few, numbers_of, sign_of, thousands, understand
from engine.tasks.mlp.csv_file import Columns, read_columns, refuse
from engine.tasks.mlp.numerals import Sign, day_first, is_missing, plain_numbers
from engine.tasks.mlp.table import MIN_ROWS, Table, choose_kind, encode_target
from engine.tasks.mlp.table_notes import LEFT_OUT, MOST_NAMED, column_notes, row_notes

SUFFIXES = (".csv", ".tsv")
REMEDY = "Correct the file; a value that is not known is left empty."


def read_table(path: Path, target: str | None, task_type: str) -> Table:
    """A CSV with the column ``target`` (None: the last) to learn. ``DataError`` says all that is wrong with it.

    Read once more only when it has changed: it is checked before a run begins, and opened by the run.
    """
    try:
        seen = stamp_of(path.stat())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.", "Check it.") from None
    return _read(path, seen, target, task_type)


@lru_cache(maxsize=1)
def _read(path: Path, seen: Stamp, target: str | None, task_type: str) -> Table:
    columns = read_columns(path)
    target = columns.named(target) if target is not None else _last_named(columns)
    names = [name for name in columns.names if name != target]
    if not names:
        raise DataError(f"{path.name} has only the column {target!r}.", "Add a column to learn it from.")
    absent = {text for text in set(columns.column(target)) if is_missing(text)}
    unlabelled = [text in absent for text in columns.column(target)]
    known = columns.kept([not missing for missing in unlabelled]) if any(unlabelled) else columns
    texts = [own for own, name in zip(known.texts, known.names, strict=True) if name != target and own]
    sign = sign_of(known.texts, columns.delimiter)
    found = understand(names, texts, sign, day_first(known.texts)) if texts else []
    values, classes, fault = _learned(known, target, task_type, sign)
    scarce = _too_few(known, any(unlabelled))
    faults = [*columns.doubled, *scarce, *_faults(known, texts, found), *_useless(found)]
    _refuse(path, faults, None if scarce else fault, columns.complaints)
    notes = [
        *column_notes(found, target),
        *columns.notes,
        *row_notes(columns.lines, unlabelled, target, values, classes),
    ]
    table = _table(path, found, target, (values, classes), notes)
    _check_installed(path, table)
    return table


def _refuse(path: Path, faults: Sequence[str], target: DataError | None, structure: Sequence[str]) -> None:
    """``DataError`` with all that is wrong at once. target: what is wrong with that column; structure: with the lines.

    Lines come last: they may be very many, and hide no other fault.
    """
    if target is not None and not faults and not structure:
        refuse(path, [target.cause], target.remedy or REMEDY)
    if target is not None:
        # With a remedy of its own it speaks of all rows, of which some could not be read.
        among = "Of the lines that can be read: " if structure and target.remedy else ""
        faults = [*faults, f"{among}{target.cause} {target.remedy}".rstrip()]
    refuse(path, [*faults, *structure], REMEDY)


def _too_few(known: Columns, some_unlabelled: bool) -> list[str]:
    """Lines of the wrong length may be mended, so they count as rows here."""
    if len(known.lines) + len(known.complaints) >= MIN_ROWS:
        return []
    which = " with a target" if some_unlabelled else ""
    return [f"It has {counted(len(known.lines), 'row')}{which}: at least {MIN_ROWS} are needed."]


def _table(
    path: Path, found: Sequence[Column], target: str, learned: tuple[Any, tuple[str, ...]], notes: list[str]
) -> Table:
    features = [(f"{column.name}{part}", values) for column in found for part, values in column.parts.items()]
    plain = len(notes) == 1 and all(column.kind == "number" for column in found)
    row = FileRow(path=path.name, verdict="used") if plain else FileRow(
        path=path.name, verdict="used_with_note", reason=" ".join(notes)
    )  # fmt: skip
    return Table(
        features=np.stack([values for _, values in features], axis=1),
        target=learned[0],
        feature_names=tuple(name for name, _ in features),
        target_name=target,
        class_names=learned[1],
        files=[row],
        levels={column.name: column.levels for column in found if column.levels},
        notes=tuple(notes),
    )


def _learned(
    columns: Columns, target: str, task_type: str, sign: Sign
) -> tuple[Any, tuple[str, ...], DataError | None]:
    """The target's values, its classes, and what is wrong with it."""
    texts = columns.column(target)
    if not texts:
        return None, (), None
    if task_type != "classification":
        plain = plain_numbers(texts)
        if plain is not None and not (sign == "," and thousands(texts)):
            numbers = [value if np.isfinite(value) else None for value in plain.tolist()]
        else:
            plain, numbers = None, numbers_of(texts, sign)
        strays = tuple(place for place, value in enumerate(numbers) if value is None)
        if strays and (task_type == "regression" or few(len(strays), len(texts) - len(strays))):
            said = complaint(Column(target, "number", strays=strays), texts, columns.lines)
            return None, (), DataError(said)
        texts = texts if strays or plain is not None else tuple(repr(value) for value in numbers)
    try:
        return *encode_target(texts, choose_kind(texts, task_type), target), None
    except DataError as error:
        return None, (), error


def _last_named(columns: Columns) -> str:
    """The last column, but for what a separator at the ends of lines makes."""
    return next((name for name in reversed(columns.names) if name), columns.names[-1])


def _faults(columns: Columns, texts: Sequence[Sequence[str]], found: Sequence[Column]) -> Iterator[str]:
    for column, own in zip(found, texts, strict=True):
        if not column.name and column.kind not in ("empty", "identifier"):
            place = next(number for number, text in enumerate(columns.texts, 1) if text is own)
            yield f"Column {place} has no name."
        elif column.strays:
            yield complaint(column, own, columns.lines)


def _useless(found: Sequence[Column]) -> Iterator[str]:
    if found and not any(column.used for column in found):
        said = ", ".join(f"{escaped(column.name)!r} is {LEFT_OUT[column.kind]}" for column in found[:MOST_NAMED])
        yield f"No column tells anything: {said}. Add one to learn from."


def _check_installed(path: Path, table: Table) -> None:
    """``DataError`` when what the table needs is not installed; looked for, not imported: that takes seconds."""
    if not table.numeric and find_spec("sklearn") is None:
        raise DataError(
            f"{path.name} has categories or missing values; scikit-learn, which prepares them, is not installed.",
            f"Install it: {install('scikit-learn')}.",
        )
