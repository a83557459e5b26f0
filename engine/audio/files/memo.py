"""What was computed of a whole collection, kept beside its decoded sounds, so that a second start need not wait for it.

For pure functions only: the key names all that the result depends on, the programs that compute it too, so a result is
never older than its inputs. A result lies behind its digest; what is damaged is computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from functools import cache as once
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_digest

from engine.audio.files.cache import DIGEST, Cache, make_way, read_kept
from engine.audio.files.pruning import prune
from engine.rundir.atomic import replace_bytes

_MOST = 1 << 30  # bytes, far beyond what is computed of a collection
_ENGINE = Path(__file__).resolve().parents[2]


def memo_key(*parts: Any) -> str:
    """A name for what depends on ``parts``, all of them JSON."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=20).hexdigest()


@once
def programs(*patterns: str) -> str:
    """A digest of the modules below ``engine/`` that match: another version of any of them computes something else."""
    found = hashlib.blake2b(digest_size=20)
    for path in sorted({path for pattern in patterns for path in _ENGINE.glob(pattern)}):
        found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def recall(cache: Cache, key: str, compute: Callable[[], bytes], damaged: Callable[[], None] = lambda: None) -> bytes:
    """What ``compute`` gave for ``key`` before, else what it gives now, which is kept.

    damaged: called when something was kept and is not what was written. A cache that takes nothing costs time at the
    next start, and no more.
    """
    path = cache.memo(key)
    try:
        raw = read_kept(path, _MOST)
        if raw is not None and xxh3_128_digest(raw[DIGEST:]) != raw[:DIGEST]:
            raise ValueError("it is another than was written")
        if raw is not None:
            with contextlib.suppress(OSError):  # of a cache that may be read and no more
                os.utime(path)
            return raw[DIGEST:]
    except ValueError:
        damaged()
    found = compute()
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        make_way(path)
        replace_bytes(path, xxh3_128_digest(found) + found, durable=False)
        prune(cache)
    return found
