"""CSV files as tables, judged before anything is learned from them: each complaint names its column and line."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.audio.files.find import escaped
from engine.errors import DataError
from engine.rundir.schema import FileRow
from engine.tasks.mlp.table import MIN_ROWS, Table, choose_kind, encode_target, number

SUFFIXES = (".csv", ".tsv")
MOST_BYTES = 500_000_000


@dataclass(frozen=True)
class Columns:
    """A CSV file as texts. lines: the line each row ends on in the file, for complaints."""

    path: Path
    names: tuple[str, ...]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        place = self.names.index(name)
        return [row[place] for row in self.rows]

    def named(self, wanted: str) -> str:
        """``wanted`` when there is such a column; ``DataError`` with those there are otherwise."""
        if wanted not in self.names:
            raise DataError(
                f"{self.path.name} has no column {wanted!r}.",
                f"Its columns are: {', '.join(map(escaped, self.names))}.",
            )
        return wanted


def read_columns(path: Path) -> Columns:
    """The header and rows of a CSV with commas, semicolons or tabs; blank lines are passed over. ``DataError``."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise DataError(f"{path.name} is larger than {MOST_BYTES // 1_000_000} MB.", "Take a part of it.")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.", "Check it.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path.name} is no text in UTF-8.", "Save it again as CSV in UTF-8.") from None
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=_delimiter(text.lstrip().partition("\n")[0]), strict=True
    )
    found: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(value.strip() for value in row):
                found.append((reader.line_num, [value.strip() for value in row]))
    except csv.Error as error:
        raise DataError(f"{path.name} is no CSV from line {reader.line_num}: {error}.", "Correct it.") from None
    if not found:
        raise DataError(f"{path.name} is empty.", "It needs a line of names and lines of values.")
    names = tuple(found[0][1])
    _check_names(path, names)
    for line, row in found[1:]:
        if len(row) != len(names):
            raise DataError(
                f"Line {line} of {path.name} has {len(row)} values, its header names {len(names)}.", "Correct the line."
            )
    return Columns(path, names, [row for _, row in found[1:]], [line for line, _ in found[1:]])


def read_table(path: Path, target: str | None, task_type: str) -> Table:
    """A CSV of numbers with the column ``target`` (None: the last) to learn. ``DataError`` says what is wrong."""
    columns = read_columns(path)
    target = columns.named(target) if target is not None else columns.names[-1]
    names = tuple(name for name in columns.names if name != target)
    if not names:
        raise DataError(f"{path.name} has only the column {target!r}.", "Add a column to learn it from.")
    if len(columns.rows) < MIN_ROWS:
        raise DataError(f"{path.name} has {len(columns.rows)} rows: at least {MIN_ROWS} are needed.", "Add more.")
    check_filled(columns, columns.names)
    features = np.stack([_numbers(columns, name) for name in names], axis=1)
    texts = columns.column(target)
    values, classes = encode_target(texts, choose_kind(texts, task_type), target)
    rows = [FileRow(path=path.name, verdict="used")]
    return Table(features, values, names, target, classes, files=rows)


def check_filled(columns: Columns, names: tuple[str, ...]) -> None:
    """``DataError`` when a value is missing: empty, or one of the words that stand for it."""
    for name in names:
        missing = [
            line for line, value in zip(columns.lines, columns.column(name), strict=True) if value.lower() in _MISSING
        ]
        if missing:
            more = f" and on {len(missing) - 1} more" if len(missing) > 1 else ""
            raise DataError(
                f"Column {escaped(name)!r} of {columns.path.name} has no value on line {missing[0]}{more}.",
                "Fill it in or remove the rows.",
            )


_MISSING = frozenset(("", "na", "n/a", "nan", "null", "none", "?"))


def _numbers(columns: Columns, name: str) -> np.ndarray:
    texts = columns.column(name)
    values = [number(text) for text in texts]
    if None in values:
        place = values.index(None)
        raise DataError(
            f"Column {escaped(name)!r} of {columns.path.name} holds {escaped(texts[place])!r} on line "
            f"{columns.lines[place]}: features must be finite numbers.",
            "Leave the column out, or write it as numbers with a decimal point.",
        )
    column = np.array(values, dtype=np.float64)
    if np.ptp(column) == 0:
        raise DataError(
            f"Column {escaped(name)!r} of {columns.path.name} is {texts[0]} in every row: it tells nothing.",
            "Leave the column out.",
        )
    return column


def _delimiter(header: str) -> str:
    return max(",;\t", key=header.count)


def _check_names(path: Path, names: tuple[str, ...]) -> None:
    if "" in names:
        raise DataError(f"Column {names.index('') + 1} of {path.name} has no name.", "Give each column one.")
    if all(number(name) is not None for name in names):
        raise DataError(f"The first line of {path.name} holds numbers, not names.", "Begin with a line of names.")
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(f"{path.name} has two columns called {escaped(repeated[0])!r}.", "Rename one.")
