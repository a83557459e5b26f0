"""What was decided in reading a table, in sentences: for the terminal, New run and dataset.json. No torch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.printable import escaped
from engine.quantities import counted, plural
from engine.tasks.mlp.column_kinds import Column, ColumnKind

MOST_LEVELS = 30
MOST_NAMED = 5
_STYLES = {"d": "day", "m": "month", "Y": "year", "y": "year", "H": "hours", "M": "minutes", "S": "seconds", "%": ""}
_KINDS: dict[ColumnKind, tuple[str, str]] = {
    "number": ("number", "numbers"),
    "yes or no": ("yes or no", "yes or no"),
    "date": ("date", "dates"),
    "category": ("category", "categories"),
}
LEFT_OUT: dict[ColumnKind, str] = {
    "constant": "the same in every row",
    "empty": "empty",
    "identifier": "a name of its own for nearly every row",
}


def column_notes(found: Sequence[Column], target: str) -> Iterator[str]:
    """What the columns are, first counted ("'price' is predicted from 12 columns: 8 numbers, 3 categories, 1 constant
    left out. Encoded, they are at most 14 numbers."), then what was decided of them.
    """
    counts = Counter(column.kind for column in found)
    parts = [f"{counts[kind]} {words[counts[kind] > 1]}" for kind, words in _KINDS.items() if counts[kind]]
    width = sum(map(_width, found))
    encoded = f" Encoded, they are at most {width} numbers." if width != sum(column.used for column in found) else ""
    left = [f"{counts[kind]} {kind}" for kind in LEFT_OUT if counts[kind]]
    said = ", ".join(parts) + (f", {', '.join(left)} left out" if left else "")
    yield f"{escaped(target)!r} is predicted from {counted(len(found), 'column')}: {said}.{encoded}"
    yield from _decisions(found)


def _width(column: Column) -> int:
    """How many inputs it can become: of a category one a level, of anything missing one that says so."""
    if column.levels:
        return min(len(column.levels) + (column.missing > 0), MOST_LEVELS)
    return len(column.parts) + (column.used and column.missing > 0)


def _decisions(found: Sequence[Column]) -> Iterator[str]:
    for kind, what in LEFT_OUT.items():
        if names := [column.name for column in found if column.kind == kind]:
            yield f"Left out, because {what}: {_named(names)}."
    if gaps := [column for column in found if column.used and column.missing]:
        count, where = sum(column.missing for column in gaps), _named([column.name for column in gaps])
        yield (
            f"{counted(count, 'missing value')} in {where}: numbers "
            "become the median of the learning rows beside a column that says so, categories have a level for it."
        )
    if wide := [column.name for column in found if len(column.levels) > MOST_LEVELS]:
        yield f"Of {_named(wide)} the {MOST_LEVELS - 1} commonest categories have a column each, the rest one together."
    if commas := [column.name for column in found if column.kind == "number" and column.style == ","]:
        yield f"Commas are read as decimal signs or between thousands in {_named(commas)}."
    for column in found:
        if column.kind == "date" and column.style:
            yield f"Dates of {escaped(column.name)!r} are read as {_in_words(column.style)}."


def row_notes(
    lines: Sequence[int], unlabelled: Sequence[bool], target: str, values: NDArray[Any], classes: tuple[str, ...]
) -> Iterator[str]:
    """Rows without a target, and classes with a single one. lines, unlabelled: of every row there was."""
    if any(unlabelled):
        places = [str(line) for line, missing in zip(lines, unlabelled, strict=True) if missing]
        which = ", ".join(places[:MOST_NAMED]) + (", …" if len(places) > MOST_NAMED else "")
        rows = f"{counted(len(places), 'row')} without {escaped(target)!r}"
        yield f"{rows} left out ({plural(len(places), 'line')} {which})."
    single = [classes[place] for place, count in enumerate(np.bincount(values)) if count == 1] if classes else []
    if single:
        yield f"With a single row, learned and never checked: {_named(single)}."


def _named(names: Sequence[str]) -> str:
    shown = ", ".join(repr(escaped(name)) for name in names[:MOST_NAMED])
    return shown + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def _in_words(style: str) -> str:
    return "".join(_STYLES.get(letter, letter) for letter in style)
