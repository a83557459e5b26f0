"""A record that says of itself whether it is whole: JSON with a digest of its other keys.

One bit that turns in a record leaves, more often than not, a record that parses and says something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from engine.rundir.encoding import encode

KEY = "digest"


def seal(record: Mapping[str, Any] | BaseModel) -> bytes:
    """``record`` as the bytes of its file: strict JSON, whose ``digest`` is that of its other keys."""
    values = json.loads(encode(record))
    return encode({**values, KEY: _digest(values)}, indent=1)


def unseal(raw: bytes) -> dict[str, Any] | None:
    """The object in ``raw`` without its digest, None when that is missing or another. NaN and infinity stay strings."""
    try:
        values = json.loads(raw)
        whole = isinstance(values, dict) and values.get(KEY) == _digest(values)
    except (ValueError, RecursionError):
        return None
    return {key: value for key, value in values.items() if key != KEY} if whole else None


def _digest(values: Mapping[str, Any]) -> str:
    """SHA-256 of all keys but the digest itself, as JSON with sorted keys."""
    rest = {key: value for key, value in values.items() if key != KEY}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
