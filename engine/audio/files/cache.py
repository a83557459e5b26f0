"""Decoded sound on disk: what a file once decoded to, found again without opening it.

An entry is ``KEY.pcm`` (int16, little-endian, mono, peak-normalised; absent when there is no sound) and ``KEY.json``
(its :class:`Facts`, sealed), the JSON written last, each replaced in one step. The key tells files apart by absolute
path, size, time of change, and by what a copy that keeps those cannot keep: inode and change of status. An entry whose
file changed is simply never asked for again and goes after 90 days.

A disk may lose what it was given. So an entry is read and held against its digest before it is used: at 5 to 20 GB/s
for XXH3, which is made against accidents and not against forgers, two hours of sound take a fraction of a second.
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
from xxhash import xxh3_128

from engine.audio.faults import Fault
from engine.errors import StorageError
from engine.home import own_place
from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import seal, unseal

VERSION = 8
_BLOCK = 1 << 22
KEEP_S = 90 * 86_400.0


@dataclass(frozen=True)
class Facts:
    """What decoding found out about one file.

    failure: why there is no sound, in words for its user; None when there is. lasting: whether decoding again would
    find the same, so that it is worth remembering. duration_s: of what was read, before resampling. peak: largest
    absolute sample of the mono sound; sample ``i`` of it is ``pcm[i] / 32767 * peak``. digest: of the decoded samples
    (XXH3, 128 bits). faults: of the recording, see :mod:`engine.audio.faults`. sketch: of
    the sound's spectrum, by which most files are told from each other, and of the limited one, see
    :mod:`engine.audio.likeness`.
    """

    failure: str | None = None
    lasting: bool = True
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    duration_s: float | None = None
    missing_s: float = 0.0
    sample_rate: int | None = None
    channels: int | None = None
    peak: float = 0.0
    num_samples: int = 0
    digest: str = ""
    sketch: str = ""
    limited_sketch: str = ""

    @classmethod
    def from_record(cls, values: Any) -> Facts:
        """From what ``asdict`` and JSON made of it. Raises TypeError or KeyError for anything else."""
        names = {field.name for field in fields(cls)}
        faults = tuple(Fault(**fault) for fault in values["faults"])
        return cls(**{name: values[name] for name in names} | {"notes": tuple(values["notes"]), "faults": faults})


@dataclass(frozen=True)
class Cache:
    """The entries below one folder."""

    root: Path

    def key(self, path: Path, sample_rate: int) -> str:
        """The entry of ``path`` as it is now. Looks at the file from outside only. Raises OSError."""
        parts = "\0".join(map(str, (VERSION, sample_rate, *moment(path))))
        name = os.fsencode(path.absolute())
        return hashlib.blake2b(parts.encode() + b"\0" + name, digest_size=20).hexdigest()

    def pcm(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.pcm"

    @property
    def comparisons(self) -> Path:
        """Which entries were compared with which: :mod:`engine.collection.comparisons`."""
        return self.root / "comparisons"

    def _facts(self, key: str) -> Path:
        return self.root / key[:2] / f"{key}.json"

    def load(self, key: str) -> Facts | None:
        """The facts of an entry that is there, None when it is not. Reads all of its samples.

        ``ValueError`` when it is damaged: another bit than was written, in the facts or in the samples.
        """
        try:
            raw = self._facts(key).read_bytes()
            os.utime(self._facts(key))
        except OSError:
            return None
        try:
            facts = Facts.from_record(json.loads((unseal(raw) or {})["facts"]))
            if facts.failure is None and self._sample_digest(key) != facts.digest:
                raise ValueError("the samples are others than were decoded")
        except (OSError, TypeError, KeyError) as error:
            raise ValueError(f"the entry cannot be read: {error}") from error
        return facts

    def _sample_digest(self, key: str) -> str:
        digest, block = sample_digest(), memoryview(bytearray(_BLOCK))
        with self.pcm(key).open("rb", buffering=0) as file:
            while count := file.readinto(block):
                digest.update(block[:count])
        return digest.hexdigest()

    def save(self, key: str, facts: Facts) -> None:
        """Raises OSError. The samples must be in place before: the facts are what makes them an entry."""
        self._facts(key).parent.mkdir(parents=True, exist_ok=True)
        replace_bytes(self._facts(key), seal({"facts": json.dumps(asdict(facts))}), durable=False)

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


def sample_digest() -> xxh3_128:
    """What is updated with an entry's samples to give :attr:`Facts.digest`."""
    return xxh3_128()


def moment(path: Path) -> tuple[int, ...]:
    """What changes with a file's content, also when it is replaced at equal size and given its old time. OSError.

    On Windows, and on file systems without Unix's times (exFAT), the last number says when the file was made: there a
    file that is overwritten in place, at equal size and with its old time, goes unnoticed.
    """
    about = path.stat()
    return about.st_size, about.st_mtime_ns, about.st_ino, about.st_ctime_ns


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
