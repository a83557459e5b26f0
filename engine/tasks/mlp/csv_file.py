"""A CSV file as texts, with the line of each row. No torch.

Python's own reader and no faster one: it knows the line that a row ends on, also where values hold line breaks, goes on
after a bad line, and so lets every complaint of a file be said at once, each with its true line.
"""

from __future__ import annotations

import codecs
import csv
import errno
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import DataError
from engine.printable import escaped
from engine.quantities import counted
from engine.regular_file import read_regular
from engine.tasks.mlp.numerals import is_missing, plain_numbers

MOST_BYTES = 500_000_000
MOST_COMPLAINTS = 10
# The first that fits. Windows-1252 has a letter for nearly every byte; what it makes of no text has control characters.
_ENCODINGS = {"UTF-8": "utf-8-sig", "UTF-16": "utf-16", "Windows-1252 (Latin-1)": "cp1252"}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_NAMED_SEPARATOR = re.compile(r'"?sep=([,;\t])"?[ ,;\t]*\r?\n', re.IGNORECASE)  # Excel's own first line


@dataclass(frozen=True)
class Columns:
    """texts: every column's values, trimmed. lines: the line each row ends on. doubled: what is wrong with the header,
    complaints: with lines, which are no rows then; sentences, a fault each.

    notes: which separator and encoding were taken, where they are not commas and UTF-8.
    """

    path: Path
    names: tuple[str, ...]
    texts: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]
    delimiter: str = ","
    doubled: tuple[str, ...] = ()
    complaints: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> tuple[str, ...]:
        return self.texts[self.names.index(name)]

    def named(self, wanted: str) -> str:
        """``wanted`` when there is such a column; ``DataError`` with those there are otherwise."""
        if wanted not in self.names:
            raise DataError(
                f"{self.path.name} has no column {wanted!r}.",
                f"Its columns are: {', '.join(map(escaped, self.names))}.",
            )
        return wanted

    def kept(self, keep: Sequence[bool]) -> Columns:
        """The rows that ``keep`` says."""
        texts = tuple(tuple(text for text, keeps in zip(own, keep, strict=True) if keeps) for own in self.texts)
        lines = tuple(line for line, keeps in zip(self.lines, keep, strict=True) if keeps)
        return replace(self, texts=texts, lines=lines)


def read_columns(path: Path) -> Columns:
    """The header and rows of a CSV with commas, semicolons or tabs; blank lines are passed over.

    In UTF-8 (or UTF-16 with its mark), else in Windows-1252, which holds Latin-1: as Excel saves a "CSV".

    Rows with more or fewer values than the header are left out and complained of. ``DataError`` when there is no table.
    """
    text, encoding = _text(path)
    named = _NAMED_SEPARATOR.match(text)
    if named:
        text = "\n" + text[named.end() :]  # a blank line in its place, so that lines keep their numbers
    delimiter = named[1] if named else _delimiter(text.lstrip().partition("\n")[0])
    found = _rows(path, text, delimiter)
    names, body = tuple(found[0][1]), found[1:]
    complaints = [
        f"Line {line} has {counted(len(row), 'value')}, its header names {len(names)}."
        for line, row in body
        if len(row) != len(names)
    ]
    whole = [(line, row) for line, row in body if len(row) == len(names)]
    texts = tuple(zip(*(row for _, row in whole), strict=True)) if whole else ((),) * len(names)
    _check_header(path, names, texts)
    lines, notes = tuple(line for line, _ in whole), tuple(_notes(delimiter, encoding))
    return Columns(path, names, texts, lines, delimiter, tuple(_twice(names)), tuple(complaints), notes)


def refuse(path: Path, complaints: Sequence[str], remedy: str = "Correct the file.") -> None:
    """``DataError`` with all that is wrong, at most ten and how many more; nothing when there are none."""
    if complaints:
        more = len(complaints) - MOST_COMPLAINTS
        rest = f" And {more} more." if more > 0 else ""
        raise DataError(f"{path.name} cannot be used: {' '.join(complaints[:MOST_COMPLAINTS])}{rest}", remedy)


def missing_values(columns: Columns, names: Sequence[str]) -> list[str]:
    """A sentence for each of these columns that has no value somewhere."""
    found = []
    for name in names:
        lines = [line for line, text in zip(columns.lines, columns.column(name), strict=True) if is_missing(text)]
        if lines:
            more = f" and on {len(lines) - 1} more" if len(lines) > 1 else ""
            found.append(f"Column {escaped(name)!r} has no value on line {lines[0]}{more}.")
    return found


def _notes(delimiter: str, encoding: str) -> Iterator[str]:
    if delimiter != ",":
        yield f"Values are separated by {'semicolons' if delimiter == ';' else 'tabs'}."
    if encoding != "UTF-8":
        yield f"The file is no UTF-8 and was read as {encoding}."


def _text(path: Path) -> tuple[str, str]:
    """What a file says, and in which encoding."""
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        most = f"Take a part of it, of {MOST_BYTES // 1_000_000} MB at most."
        remedy = most if error.errno == errno.EFBIG else "Check it."
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}.", remedy) from None
    for name, codec in _ENCODINGS.items():
        try:
            text = data.decode(codec)
        except UnicodeError:
            continue
        if name == "UTF-16" and data[:2] not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
            continue
        if _CONTROL.search(text) is None:
            return text, name
    raise DataError(f"{path.name} is no text.", "Save it again as CSV in UTF-8.")


def _rows(path: Path, text: str, delimiter: str) -> list[tuple[int, list[str]]]:
    """Every line that is not blank, the header's first, with the number it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    found: list[tuple[int, list[str]]] = []
    last = 0
    try:
        for row in reader:
            last = reader.line_num
            values = [value.strip() for value in row]
            if any(values):
                found.append((last, values))
    except csv.Error as error:
        raise DataError(f"{path.name} is no CSV from line {last + 1}: {error}.", "Correct it.") from None
    if not found:
        raise DataError(f"{path.name} is empty.", "It needs a line of names and lines of values.")
    return found


def _delimiter(header: str) -> str:
    return max(",;\t", key=re.sub(r'"[^"]*"', "", header).count)


def _check_header(path: Path, names: tuple[str, ...], texts: Sequence[Sequence[str]]) -> None:
    """``DataError`` when the first line is one of values: numbers, and texts that stand below it too."""
    numbers = [not is_missing(name) and plain_numbers([name]) is not None for name in names]
    below = (name in set(column) or is_missing(name) for name, column in zip(names, texts, strict=True))
    if any(numbers) and all(number or known for number, known in zip(numbers, below, strict=True)):
        what = "numbers" if all(numbers) else "values"
        raise DataError(f"The first line of {path.name} holds {what}, not names.", "Begin with a line of names.")


def _twice(names: tuple[str, ...]) -> list[str]:
    found = []
    for name, count in Counter(names).items():
        if name and count > 1:
            places = [str(place) for place, other in enumerate(names, 1) if other == name]
            found.append(f"Columns {', '.join(places[:-1])} and {places[-1]} are both called {escaped(name)!r}.")
    return found
