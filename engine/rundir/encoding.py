"""Strict JSON in UTF-8: how every record of a run directory becomes bytes, and an event comes back.

Plain JSON has no NaN and no infinity. Both are written as the strings "NaN", "Infinity" and "-Infinity". A record that
is sealed says of itself whether it is whole, by a digest of its other keys: one bit that turns in a record leaves, more
often than not, one that parses and says something else.
"""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections.abc import Mapping
from typing import Any, SupportsFloat, SupportsIndex

from pydantic import BaseModel, TypeAdapter

MOST_DEEP = 64  # objects and lists in each other; no record of a run comes near, and Python gives up at some 1,000
_DIGEST = "digest"
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def encode(value: Mapping[str, Any] | BaseModel, indent: int | None = None) -> bytes:
    """One object as strict JSON that ends with a newline and, without ``indent``, contains no other."""
    try:
        text = _dump(value, indent)
    except ValueError:  # a number that is not finite: rare, so only then is the whole value walked
        text = _dump(_strict(value), indent)
    return text.encode("utf-8", errors="replace") + b"\n"


def decode(line: bytes) -> dict[str, Any] | None:
    """The object in one line of figures, NaN and infinity restored; None as :func:`as_written` says.

    Of what a person wrote, or may have named, :func:`as_written`: his "NaN" is a word.
    """
    value = as_written(line)
    if value is None:
        return None
    return _revive(value) if b'NaN"' in line or b'Infinity"' in line else value


def as_written(raw: bytes) -> dict[str, Any] | None:
    """The object in ``raw``, in which every text stays one; None when it is damaged, :func:`too_deep` or no object."""
    try:
        value = _parsed(raw)
    except (ValueError, RecursionError):
        return None
    # Counted first, which is fast: nearly no line has so many that it could be too deep.
    if not isinstance(value, dict) or (raw.count(b"[") + raw.count(b"{") > MOST_DEEP and too_deep(value)):
        return None
    return value


def too_deep(value: object) -> bool:
    """Whether a parsed JSON value has more than ``MOST_DEEP`` objects and lists in each other.

    Whoever walks a value from elsewhere by recursion asks first: it would end in a traceback.
    """
    level = [value]
    for _ in range(MOST_DEEP + 1):
        holders = [one for one in level if isinstance(one, dict | list)]
        if not holders:
            return False
        level = [item for one in holders for item in (one.values() if isinstance(one, dict) else one)]
    return True


def seal(record: Mapping[str, Any] | BaseModel) -> bytes:
    """``record`` as the bytes of its file: strict JSON, whose ``digest`` is that of its other keys."""
    values = json.loads(encode(record))
    return encode({**values, _DIGEST: _digest(values)}, indent=1)


def unseal(raw: bytes) -> dict[str, Any] | None:
    """The object in ``raw`` without its digest, None when that is missing or another. NaN and infinity stay strings."""
    values = as_written(raw)
    if values is None or values.get(_DIGEST) != _digest(values):
        return None
    return {key: value for key, value in values.items() if key != _DIGEST}


def _parsed(raw: bytes) -> Any:
    """Pydantic's parser takes a fifth of the time; what it refuses, Python's has the last word on."""
    try:
        return _ANYTHING.validate_json(raw)
    except ValueError:
        return json.loads(raw)


def _digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of all keys but the digest itself, as JSON with sorted keys."""
    rest = {key: value for key, value in values.items() if key != _DIGEST}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _dump(value: Any, indent: int | None) -> str:
    separators = (",", ": ") if indent else (",", ":")
    return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, separators=separators, default=_plain)


def _plain(value: object) -> Any:
    """What JSON has no word for: our records, and the scalars of numerical libraries."""
    if isinstance(value, BaseModel):
        return value.model_dump()
    if isinstance(value, SupportsIndex):
        return operator.index(value)
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError(f"{type(value).__name__} has no place in a record of a run directory")


def _strict(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    return value if isinstance(value, str | int | None) else _strict(_plain(value))


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _revive(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _revive(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_revive(item) for item in value]
    return _NOT_FINITE.get(value, value) if isinstance(value, str) else value
