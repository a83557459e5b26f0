"""Rows of features and what is learned from them. Letters: N rows, D features, C classes. No torch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import DataError
from engine.rundir.record import FileRow
from engine.tasks.mlp.numerals import LARGEST, SMALLEST_SPREAD, number

Kind = Literal["classification", "regression"]
MOST_AUTOMATIC_CLASSES = 20
MIN_ROWS = 4


@dataclass(frozen=True)
class Table:
    """features: float64 [N, D], NaN where missing. target: int64 [N], an index into ``class_names``, or float64 [N]
    without any. levels: of the features that are categories, by their name; the feature holds indices into them.

    groups: equal for rows that must stay on one side of the split; None when each is its own. files: where the rows
    are files, every file found, and ``row_files`` the one of each row. notes: what was decided in reading it, in
    sentences.
    """

    features: NDArray[np.float64]
    target: NDArray[np.int64] | NDArray[np.float64]
    feature_names: tuple[str, ...]
    target_name: str = "target"
    class_names: tuple[str, ...] = ()
    groups: tuple[int, ...] | None = None
    files: list[FileRow] = field(default_factory=list)
    row_files: tuple[str, ...] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        """Whether every feature is a number in every row, so that nothing has to be filled in or encoded."""
        return not self.levels and not bool(np.isnan(self.features).any())

    @property
    def task_type(self) -> Kind:
        return "classification" if self.class_names else "regression"

    @property
    def num_features(self) -> int:
        return int(self.features.shape[1])

    @property
    def num_classes(self) -> int:
        """0 when a number is learned."""
        return len(self.class_names)

    @property
    def fingerprint(self) -> str:
        """Changes with any value, name or class."""
        names = (self.feature_names, self.target_name, self.class_names, sorted(self.levels.items()))
        digest = hashlib.sha256(repr(names).encode())
        digest.update(np.ascontiguousarray(self.features).tobytes())
        digest.update(np.ascontiguousarray(self.target).tobytes())
        return digest.hexdigest()


def choose_kind(values: Sequence[str], wanted: str) -> Kind:
    """What a target of these texts is: numbers are a regression, unless they are few whole ones."""
    if wanted != "auto":
        return "classification" if wanted == "classification" else "regression"
    numbers = [number(text) for text in values]
    if any(value is None for value in numbers):
        return "classification"
    different = {value for value in numbers if value is not None}
    whole = all(value.is_integer() for value in different)
    return "classification" if whole and len(different) <= MOST_AUTOMATIC_CLASSES else "regression"


def encode_target(
    values: Sequence[str], kind: Kind, name: str
) -> tuple[NDArray[np.int64] | NDArray[np.float64], tuple[str, ...]]:
    """Texts to class indices and names (in order of number or letter), or to numbers and (). ``DataError``."""
    return (_as_numbers(values, name), ()) if kind == "regression" else _as_classes(values, name)


def _as_numbers(values: Sequence[str], name: str) -> NDArray[np.float64]:
    target = np.array([_as_number(text, name, row) for row, text in enumerate(values, 1)], dtype=np.float64)
    if np.ptp(target) == 0:
        raise DataError(
            f"{name!r} is {values[0]} in all {len(values)} rows: there is nothing to learn.", "Choose another."
        )
    if np.ptp(target) < SMALLEST_SPREAD:
        raise DataError(
            f"All that {name!r} varies by is less than {SMALLEST_SPREAD:g}, which cannot be reckoned with.",
            "Give it in a smaller unit.",
        )
    return target


def _as_number(text: str, name: str, row: int) -> float:
    value = number(text)
    if value is None:
        raise DataError(
            f"{name!r} is to be predicted as a number, but row {row} has {text!r}.",
            "Correct it, or sort into classes: --task-type classification.",
        )
    if abs(value) > LARGEST:
        raise DataError(
            f"{name!r} has {text!r} in row {row}: numbers beyond {LARGEST:g} cannot be reckoned with.",
            "Give it in a larger unit.",
        )
    return value


def _as_classes(values: Sequence[str], name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Also what the classes are called, in order of number or letter."""
    counts = Counter(values)
    if len(counts) == 1:
        raise DataError(
            f"All {len(values)} rows are of the one class {values[0]!r}: nothing can be told apart.",
            "Add rows of another class, or choose another target.",
        )
    if len(counts) > len(values) / 2:
        raise DataError(
            f"{name!r} has {len(counts)} different values in {len(values)} rows: as classes most stand alone.",
            "Choose another target, or predict it as a number: --task-type regression.",
        )
    names = tuple(sorted(counts, key=lambda text: (number(text) is None, number(text) or 0.0, text)))
    place_of = {text: place for place, text in enumerate(names)}
    return np.array([place_of[text] for text in values], dtype=np.int64), names
