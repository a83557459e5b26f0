"""What the cache of decoded sounds keeps no longer: what nobody asked for in 90 days, and what is beyond its limit."""

from __future__ import annotations

import contextlib
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path

from engine.audio.files.cache import Cache
from engine.errors import ConfigError
from engine.printable import escaped

KEEP_S, KEEP_HALF_S = 90 * 86_400.0, 86_400.0
IN_USE_S = 3_600.0
LIMIT_GB, MOST_GB = 20.0, 1e9


@dataclass(frozen=True)
class Entry:
    """One sound (its facts at ``path``, and its samples) or one memo. used_at: when it was last asked for."""

    path: Path
    size: int
    used_at: float

    @property
    def is_sound(self) -> bool:
        return self.path.suffix == ".facts"

    def age(self, now: float) -> float:
        """Seconds since it was used last. In a time to come, by more than an hour: the clock was set back since then,
        and it is taken for as old as anything that is kept."""
        age = now - self.used_at
        return max(0.0, age) if age > -IN_USE_S else KEEP_S

    def remove(self) -> int:
        """The bytes that are free then: none where the system holds it (Windows, while it is mapped)."""
        try:
            self.path.unlink()
            self.path.with_suffix(".pcm").unlink(missing_ok=True)
        except OSError:
            return 0
        return self.size


def entries(cache: Cache) -> list[Entry]:
    """Everything that is kept and can go, the least recently used first."""
    found = []
    for path in cache.root.glob("??/*"):
        if path.suffix not in (".facts", ".memo"):
            continue
        with contextlib.suppress(OSError):  # another process was faster
            about = path.stat()
            samples = path.with_suffix(".pcm")
            more = samples.stat().st_size if path.suffix == ".facts" and samples.exists() else 0
            found.append(Entry(path, about.st_size + more, about.st_mtime))
    return sorted(found, key=lambda entry: entry.used_at)


def prune(cache: Cache) -> None:
    """Remove what was not asked for in 90 days, then the least recently used until the rest fits :func:`limit_bytes`.

    What was used within the last hour stays: a start that found an entry may be about to open it. What a killed
    process left half-written, or another version kept, goes after a day.
    """
    now, limit = time.time(), limit_bytes()
    kept = entries(cache)
    size = sum(entry.size for entry in kept)
    for entry in kept:
        age = entry.age(now)
        if age > KEEP_S or (size > limit and age > IN_USE_S):
            size -= entry.remove()
    for path in cache.root.glob("??/*"):
        with contextlib.suppress(OSError):
            if not _is_kept(path) and now - path.stat().st_mtime > KEEP_HALF_S:
                path.unlink()


def clear(cache: Cache, unused_s: float) -> int:
    """Remove what was not used within the last ``unused_s`` seconds; the bytes that are free then."""
    now = time.time()
    return sum(entry.remove() for entry in entries(cache) if entry.age(now) >= unused_s)


def limit_bytes() -> int:
    """What the cache may hold: ``$SWEETSPOT_CACHE_GB``, or 20 GB. ``ConfigError`` when that is no number."""
    named = os.environ.get("SWEETSPOT_CACHE_GB", "") or str(LIMIT_GB)
    try:
        limit = float(named)
    except ValueError:
        limit = math.nan
    if not limit >= 0:
        raise ConfigError(f"SWEETSPOT_CACHE_GB is {escaped(named)}.", "Name the gigabytes, such as 5 or 0.5.")
    return int(min(limit, MOST_GB) * 1e9)


def _is_kept(path: Path) -> bool:
    """Whether it is an entry, or the samples of one."""
    return path.suffix in (".facts", ".memo") or (path.suffix == ".pcm" and path.with_suffix(".facts").exists())
