"""Decoded sound on disk: what a file once decoded to, found again without opening it.

An entry is ``KEY.pcm`` (int16, little-endian, mono, peak-normalised; absent when there is no sound) and ``KEY.json``
(its :class:`Facts`), the JSON written last, each replaced in one step. The key tells files apart by absolute path,
size and time of change; an entry whose file changed is simply never asked for again and goes after 90 days.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import platformdirs

from engine.errors import StorageError
from engine.home import own_place
from engine.rundir.atomic import replace_bytes

VERSION = 3
KEEP_S = 90 * 86_400.0


@dataclass(frozen=True)
class Facts:
    """What decoding found out about one file.

    failure: why there is no sound, in words for its user; None when there is. lasting: whether decoding again would
    find the same, so that it is worth remembering. duration_s: of what was read, before resampling. peak: largest
    absolute sample of the mono sound; sample ``i`` of it is ``pcm[i] / 32767 * peak``. digest: of the decoded samples.
    sketch: of the sound's spectrum, by which most files are told from each other, see :mod:`engine.audio.sameness`.
    """

    failure: str | None = None
    lasting: bool = True
    notes: tuple[str, ...] = ()
    duration_s: float | None = None
    missing_s: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    peak: float = 0.0
    num_samples: int = 0
    digest: str = ""
    sketch: str = ""

    @classmethod
    def from_record(cls, values: Any) -> Facts:
        """From what ``asdict`` and JSON made of it. Raises TypeError or KeyError for anything else."""
        names = {field.name for field in fields(cls)}
        return cls(**{name: values[name] for name in names} | {"notes": tuple(values["notes"])})


@dataclass(frozen=True)
class Cache:
    """The entries below one folder."""

    root: Path

    def key(self, path: Path, sample_rate: int) -> str:
        """The entry of ``path`` as it is now. Looks at the file from outside only. Raises OSError."""
        about = path.stat()
        parts = (str(VERSION), str(sample_rate), str(about.st_size), str(about.st_mtime_ns))
        name = os.fsencode(path.absolute())
        return hashlib.blake2b("\0".join(parts).encode() + b"\0" + name, digest_size=20).hexdigest()

    def pcm(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.pcm"

    def _facts(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.json"

    def load(self, key: str) -> Facts | None:
        """The facts of an entry that is there and whole, else None."""
        try:
            facts = Facts.from_record(json.loads(self._facts(key).read_bytes()))
            if facts.failure is None and self.pcm(key).stat().st_size != 2 * facts.num_samples:
                return None
            os.utime(self._facts(key))
        except (OSError, ValueError, TypeError, KeyError):
            return None
        return facts

    def save(self, key: str, facts: Facts) -> None:
        """Raises OSError. The samples must be in place before: the facts are what makes them an entry."""
        self._facts(key).parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(self._facts(key), json.dumps(asdict(facts)).encode(), durable=False)

    def open(self, key: str, num_samples: int) -> np.ndarray:
        """The samples of an entry, int16 [num_samples], mapped from disk and read-only."""
        return np.memmap(self.pcm(key), dtype="<i2", mode="r", shape=(num_samples,))

    def prune(self) -> None:
        """Remove entries not asked for in 90 days, and what a killed process left half-written a day ago."""
        now = time.time()
        for path in self.root.glob("??/*"):
            try:
                age = now - path.stat().st_mtime
                if path.suffix == ".tmp" and age > 86_400:
                    path.unlink()
                elif path.suffix == ".json" and age > KEEP_S:
                    path.unlink()
                    path.with_suffix(".pcm").unlink(missing_ok=True)
            except OSError:
                continue  # another process was faster, or (Windows) has it mapped


def default_cache() -> Cache:
    """``$SWEETSPOT_CACHE`` when that is set, else the place the system has for caches."""
    return Cache(
        own_place("SWEETSPOT_CACHE", lambda: f"{platformdirs.user_cache_dir('sweetspot', appauthor=False)}/pcm")
    )


def refused(cache: Cache, reason: str) -> StorageError:
    """What to say when the cache cannot be written. reason: what the system said."""
    return StorageError(
        f"The cache of decoded sounds, {cache.root}, cannot be written: {reason.lower()}.",
        "Free some space, or name another place in the environment variable SWEETSPOT_CACHE.",
    )
