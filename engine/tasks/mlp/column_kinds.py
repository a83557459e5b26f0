"""What a column of a CSV is: numbers, yes or no, dates, categories, or nothing to learn from. No torch."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.printable import escaped
from engine.tasks.mlp.numerals import (
    LARGEST,
    NO,
    YES,
    Sign,
    date_parts,
    decimal_sign,
    grouped,
    is_missing,
    moments,
    number,
    plain_numbers,
    reads,
    written_numbers,
)  # fmt: skip

ColumnKind = Literal["number", "yes or no", "date", "category", "constant", "empty", "identifier"]
# A text column of which more than this part are different values names its rows: it tells nothing of other rows.
IDENTIFIER_PART = 0.5
IDENTIFIER_ROWS = 20
STRAY_PART = 0.1
_TOLD_LINES = 10
_BEGINS = frozenset("+-.,0123456789")
_COUNTING_NAME = re.compile(
    r"(?i:|#|nr\.?|no\.?|row|index|(.*[ _-])?(id|uuid|guid|key)|unnamed: ?\d+)|[A-Za-z]*[a-z]I[dD]"
)


@dataclass(frozen=True)
class Column:
    """A column understood.

    parts: its features by their names' endings ("" for its own name), float64 [N], NaN where missing.

    levels: of a category, whose feature holds indices into them. strays: places of what is no such value.
    """

    name: str
    kind: ColumnKind
    parts: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    levels: tuple[str, ...] = ()
    strays: tuple[int, ...] = ()
    missing: int = 0
    style: str = ""

    @property
    def used(self) -> bool:
        return bool(self.parts)


def understand(names: Sequence[str], texts: Sequence[Sequence[str]], sign: Sign, days_first: bool) -> list[Column]:
    """Each column by its texts. sign, days_first: of the whole file, as :func:`sign_of` and ``day_first`` find them."""
    return [_column(name, own, plain_numbers(own), sign, days_first) for name, own in zip(names, texts, strict=True)]


def sign_of(texts: Sequence[Sequence[str]], delimiter: str) -> Sign:
    """The decimal sign of a file, looked for in all of its columns together."""
    return decimal_sign([_written(column) for column in texts if plain_numbers(column) is None], delimiter)


def numbers_of(texts: Sequence[str], sign: Sign) -> list[float | None]:
    """Numbers as ``sign`` reads them, or as the other does where that reads more. None: it is none, or missing."""
    different = [text for text in set(texts) if text[:1] in _BEGINS]
    found = {text: grouped(text, sign) for text in different}
    if None in found.values():
        other: Sign = "," if sign == "." else "."
        found = max(found, {text: grouped(text, other) for text in different}, key=_read)
    return [found.get(text) for text in texts]


def few(strays: int, others: int) -> bool:
    """Whether these few are slips among ``others`` of a kind, and not a sign that the column is of another."""
    return strays <= max(1, STRAY_PART * (strays + others)) and others > 2 * strays


def _column(name: str, texts: Sequence[str], plain: NDArray[np.float64] | None, sign: Sign, days_first: bool) -> Column:
    if plain is not None and not (sign == "," and thousands(texts)):
        return _numbers(name, plain, np.zeros(len(texts), dtype=bool))
    if (written := written_numbers(texts, sign)) is not None:
        return _numbers(name, written, np.zeros(len(texts), dtype=bool), _style(texts))
    absent = {text for text in set(texts) if is_missing(text)}
    known = [place for place, text in enumerate(texts) if text not in absent]
    values = [texts[place] for place in known]
    lowered = {value.lower() for value in set(values)}
    if len(lowered) == 2 and any(lowered == {yes, no} for yes, no in zip(YES, NO, strict=True)):
        truth = _scatter(len(texts), known, [float(value.lower() in YES) for value in values])
        return Column(name, "yes or no", {"": truth}, missing=len(texts) - len(known))
    numbers = numbers_of(values, sign)
    if _mostly(numbers):
        strays = [place for place, value in zip(known, numbers, strict=True) if value is None]
        filled = _scatter(len(texts), known, [np.nan if value is None else value for value in numbers])
        bad = np.zeros(len(texts), dtype=bool)
        bad[strays] = True
        return _numbers(name, filled, bad, _style(values))
    return _words(name, texts, known, values, days_first)


def _words(name: str, texts: Sequence[str], known: list[int], values: list[str], days_first: bool) -> Column:
    """A column that is none of numbers: dates or words."""
    missing = len(texts) - len(known)
    dates, style = moments(values, days_first)
    if _mostly(dates) and len(set(values)) > 1:
        strays = tuple(place for place, value in zip(known, dates, strict=True) if value is None)
        seconds = _scatter(len(texts), known, [np.nan if value is None else value for value in dates])
        return Column(name, "date", _varying(date_parts(seconds)), strays=strays, missing=missing, style=style)
    counts = Counter(values)
    if len(counts) == 1 and not missing:
        return Column(name, "constant")
    if len(values) >= IDENTIFIER_ROWS and len(counts) > IDENTIFIER_PART * len(values):
        return Column(name, "identifier")
    levels = tuple(sorted(counts))
    place_of = {level: float(place) for place, level in enumerate(levels)}
    codes = _scatter(len(texts), known, [place_of[value] for value in values])
    return Column(name, "category", {"": codes}, levels, missing=missing)


def _numbers(name: str, values: NDArray[np.float64], bad: NDArray[np.bool_], style: str = "") -> Column:
    nothing, bad = np.isnan(values), bad | (np.abs(values) > LARGEST)
    missing = int((nothing & ~bad).sum())
    if missing == len(values):
        return Column(name, "empty")
    strays = tuple(int(place) for place in np.flatnonzero(bad))
    known = values[~nothing & ~bad]
    if not strays and not missing and np.ptp(known) == 0:
        return Column(name, "constant")
    if not strays and _counts_rows(name, known):
        return Column(name, "identifier")
    return Column(name, "number", {"": values}, strays=strays, missing=missing, style=style)


def _counts_rows(name: str, values: NDArray[np.float64]) -> bool:
    """Whether it names rows: called as such columns are, whole numbers, each another."""
    whole = bool((values == np.floor(values)).all())
    return _COUNTING_NAME.fullmatch(name) is not None and whole and len(np.unique(values)) == len(values) > 2


def _style(numbers: Sequence[str]) -> str:
    return "," if any("," in text for text in numbers) else ""


def thousands(texts: Sequence[str]) -> bool:
    """Whether numbers that could have decimal points have points between thousands, where decimals have commas."""
    known = [text for text in set(texts) if not is_missing(text)]
    return any("." in text for text in known) and all(reads(text, ",") for text in known)


def _written(texts: Sequence[str]) -> list[str]:
    return [text for text in set(texts) if text[:1] in _BEGINS and not is_missing(text)]


def _read(values: Mapping[str, float | None]) -> int:
    return sum(value is not None for value in values.values())


def _mostly(values: list[float | None]) -> bool:
    found = len(values) - values.count(None)
    return found > 0 and (found == len(values) or few(len(values) - found, found))


def _varying(parts: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Parts that are not the same in every row; the first in any case."""
    first = next(iter(parts))
    return {f": {name}": values for name, values in parts.items()
            if name == first or np.nanmin(values) < np.nanmax(values)}  # fmt: skip


def _scatter(rows: int, places: Sequence[int], values: Sequence[float]) -> NDArray[np.float64]:
    filled = np.full(rows, np.nan)
    filled[list(places)] = values
    return filled


def _others(lines: Sequence[int]) -> str:
    """On which lines more of the same stand, the first of them; nothing where there are none."""
    if not lines:
        return ""
    if len(lines) > _TOLD_LINES:
        return f", and more on lines {', '.join(map(str, lines[:_TOLD_LINES]))} and {len(lines) - _TOLD_LINES} others"
    listed = " and ".join(filter(None, [", ".join(map(str, lines[:-1])), str(lines[-1])]))
    return f", and {'another on line' if len(lines) == 1 else 'more on lines'} {listed}"


def complaint(column: Column, texts: Sequence[str], lines: Sequence[int]) -> str:
    """One sentence for the strays of a column."""
    first = column.strays[0]
    more = _others([lines[stray] for stray in column.strays[1:]])
    if column.kind == "number" and number(texts[first]) is not None:
        what = f"Column {escaped(column.name)!r} holds {escaped(texts[first])!r} on line {lines[first]}"
        return f"{what}{more}: numbers beyond {LARGEST:g} cannot be reckoned with."
    what = {"number": "finite numbers", "date": "dates"}.get(column.kind, column.kind)
    return f"Column {escaped(column.name)!r} holds {escaped(texts[first])!r} on line {lines[first]} among {what}{more}."
