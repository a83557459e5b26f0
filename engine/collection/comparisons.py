"""Which sounds were compared, and what came of it: kept beside the decoded ones, so that no pair is compared twice."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from engine.rundir.atomic import replace_bytes

_VERSION = 1  # of what makes two waves the same
_MOST = 1_000_000  # results of 8 bytes each; the oldest go first
_DIGEST = 16


class Comparisons:
    """The file ``path``: the hash of a pair as a 64-bit number whose last bit is the answer, in order of age, behind a
    digest of them all. What is damaged, or another version's, counts as nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results = {number & ~1: bool(number & 1) for number in _read(path)}
        self._added = False

    def get(self, pair: int) -> bool | None:
        """Whether the sounds of ``pair``, from :func:`pair_key`, are the same; None when they were not compared."""
        return self._results.get(pair)

    def add(self, pair: int, same: bool) -> None:
        self._results[pair] = same
        self._added = True

    def save(self) -> None:
        """Write what was added. A cache that takes nothing costs time at the next look, and no more."""
        if not self._added:
            return
        kept = list(self._results.items())[-_MOST:]
        raw = np.array([pair | same for pair, same in kept], "<u8").tobytes()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            replace_bytes(self._path, xxh3_128_digest(raw) + raw, durable=False)
        self._added = False


def pair_key(one: str, other: str, sample_rate: int, limited: bool) -> int:
    """A number for two sounds in any order, by their digests; its last bit is 0."""
    first, second = sorted((one, other))
    return xxh3_64_intdigest(f"{_VERSION} {sample_rate} {limited:d} {first} {second}".encode()) & ~1


def _read(path: Path) -> list[int]:
    try:
        raw = path.read_bytes()
    except OSError:
        return []
    whole = xxh3_128_digest(raw[_DIGEST:]) == raw[:_DIGEST] and len(raw) % 8 == 0
    return np.frombuffer(raw[_DIGEST:], "<u8").tolist() if whole else []
