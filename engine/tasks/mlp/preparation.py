"""Missing values filled in and categories encoded, as learned from the learning rows alone, by scikit-learn.

Letters: N rows, D features of the table, E columns after encoding.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.tasks.mlp.table import Table
from engine.tasks.mlp.table_notes import MOST_LEVELS

MISSING = "(missing)"
OTHERS = "(others)"


@dataclass(frozen=True)
class Preparation:
    """What was fitted, as plain values beside what applies it.

    measures: bool [E], whether a column is a measure that is to be standardised; the others are 0 or 1.
    """

    transformer: Any
    fitted: dict[str, Any]
    measures: NDArray[np.bool_]

    @classmethod
    def fit(cls, table: Table, rows: NDArray[np.bool_]) -> Preparation:
        """Fit on ``rows`` (bool [N]). A number that never changes in them is left out: nothing can be learned of it."""
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import MissingIndicator, SimpleImputer
        from sklearn.preprocessing import OneHotEncoder

        own = table.features[rows]
        words = [place for place, name in enumerate(table.feature_names) if name in table.levels]
        numbers = [place for place in range(own.shape[1]) if place not in words and _changes(own[:, place])]
        marked = _gaps(own, numbers)
        encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_LEVELS, sparse_output=False)
        transformer = ColumnTransformer(
            [
                ("numbers", SimpleImputer(strategy="median"), numbers),
                ("missing", MissingIndicator(features="all"), marked),
                ("categories", encoder, words),
            ]
        ).fit(own)
        width = transformer.transform(own[:1]).shape[1]
        fitted = {
            "medians": _medians(transformer, [table.feature_names[place] for place in numbers]),
            "missing": dict(_ordered(table.feature_names[place] for place in marked)),
            "categories": _categories(transformer, table, words),
        }
        return cls(transformer, fitted, np.arange(width) < len(numbers))

    def apply(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """float64 [N, D] to [N, E] without NaN. A category that no learning row has is as the rare ones, or none."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of unknown categories: they are counted and said
            encoded: NDArray[np.float64] = np.ascontiguousarray(self.transformer.transform(features), dtype=np.float64)
        return encoded


def unseen(table: Table, rows: NDArray[np.bool_]) -> dict[str, int]:
    """How many of the other rows have a category that no learning row has, by the feature's name."""
    counts = {}
    for place, name in enumerate(table.feature_names):
        if name in table.levels:
            own, others = table.features[rows, place], table.features[~rows, place]
            if strange := int((~np.isin(others, own) & ~(np.isnan(others) & np.isnan(own).any())).sum()):
                counts[name] = strange
    return counts


def _changes(values: NDArray[np.float64]) -> bool:
    known = values[~np.isnan(values)]
    return known.size > 0 and (known.size < values.size or float(np.ptp(known)) > 0)


def _gaps(own: NDArray[np.float64], numbers: list[int]) -> list[int]:
    """Those of ``numbers`` that miss values, one for all that miss the same (the parts of a date, say)."""
    found: dict[bytes, int] = {}
    for place in numbers:
        missing = np.isnan(own[:, place])
        if missing.any():
            found.setdefault(missing.tobytes(), place)
    return list(found.values())


def _medians(transformer: Any, names: list[str]) -> dict[str, float]:
    """By the number's name. These and the others are plain: numbers and texts alone, as snapshots hold them."""
    if not names:
        return {}
    return dict(zip(names, transformer.named_transformers_["numbers"].statistics_.tolist(), strict=True))


def _categories(transformer: Any, table: Table, words: list[int]) -> dict[str, dict[str, str]]:
    """What each column of a category stands for, by its order as text."""
    if not words:
        return {}
    encoder = transformer.named_transformers_["categories"]
    return {
        table.feature_names[place]: dict(_ordered(_kept(table.levels[table.feature_names[place]], codes, rare)))
        for place, codes, rare in zip(words, encoder.categories_, encoder.infrequent_categories_, strict=True)
    }


def _kept(levels: tuple[str, ...], codes: NDArray[np.float64], rare: NDArray[np.float64] | None) -> list[str]:
    named = [MISSING if np.isnan(code) else levels[int(code)] for code in codes]
    together = set() if rare is None else {MISSING if np.isnan(code) else levels[int(code)] for code in rare}
    return [name for name in named if name not in together] + ([OTHERS] if together else [])


def _ordered(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((str(order), name) for order, name in enumerate(names))
