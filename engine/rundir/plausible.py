"""Numbers that no run can have written: a record with one of them is damaged, or made to trip its reader.

What a figure may be is in its name: ``_s`` are seconds, ``_at`` moments, ``_bytes`` and every whole number counts.
Metrics themselves may be anything, also NaN: a run that diverges must be seen.
"""

from __future__ import annotations

import math
from dataclasses import fields, is_dataclass
from typing import Any

from pydantic import BaseModel

MOST_SECONDS = 1e10  # three hundred years
LAST_MOMENT = 1e11  # in the year 5138; beyond the year 9999 there is no date to show
MOST = 2**53  # above this a double skips whole numbers


def plausible(record: BaseModel) -> bool:
    """Whether every figure of ``record`` is one that could be true."""
    return all(_fits(name, getattr(record, name)) for name in type(record).model_fields)


def _fits(name: str, value: Any) -> bool:
    if isinstance(value, BaseModel):
        return plausible(value)
    if is_dataclass(value):
        return all(_fits(item.name, getattr(value, item.name)) for item in fields(value))
    if isinstance(value, list):
        return all(_fits(name, item) for item in value)
    if isinstance(value, bool):
        return True
    if isinstance(value, int):
        return 0 <= value <= MOST
    if isinstance(value, float):
        return _fits_float(name, value)
    return True


def _fits_float(name: str, value: float) -> bool:
    if name.endswith("_at"):
        return 0 <= value <= LAST_MOMENT
    if name.endswith("_s"):
        return 0 <= value <= MOST_SECONDS
    return abs(value) <= 1e300 or not math.isfinite(value)
