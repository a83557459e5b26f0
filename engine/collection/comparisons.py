"""How like sounds that were compared are: kept beside the decoded ones, so that no pair is compared twice."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
from xxhash import xxh3_64_intdigest, xxh3_128_digest

from engine.audio.files.cache import make_way, read_kept
from engine.rundir.atomic import replace_bytes

_VERSION = 2  # of what makes two waves the same
_MOST = 1_000_000  # results of 8 bytes each; the oldest go first
_DIGEST = 16
_LEVELS = (1 << 10) - 1  # of a likeness


class Comparisons:
    """The file ``path``: the hash of a pair as a 64-bit number whose last ten bits are its likeness, in order of age,
    behind a digest of them all. What is damaged, or another version's, counts as nothing."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results = {number & ~_LEVELS: number & _LEVELS for number in _read(path)}
        self._added = False

    def get(self, pair: int) -> float | None:
        """The likeness of ``pair``, from :func:`pair_key`; None when its sounds were not compared."""
        level = self._results.get(pair)
        return None if level is None else level / _LEVELS

    def add(self, pair: int, likeness: float) -> float:
        """``likeness``, from 0 to 1, as :meth:`get` will give it: to a thousandth."""
        level = self._results[pair] = round(min(1.0, likeness) * _LEVELS)
        self._added = True
        return level / _LEVELS

    def save(self) -> None:
        """Write what was added. A cache that takes nothing costs time at the next look, and no more."""
        if not self._added:
            return
        kept = list(self._results.items())[-_MOST:]
        raw = np.array([pair | level for pair, level in kept], "<u8").tobytes()
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            make_way(self._path)
            replace_bytes(self._path, xxh3_128_digest(raw) + raw, durable=False)
        self._added = False


def pair_key(one: str, other: str, sample_rate: int, limited: bool) -> int:
    """A number for two sounds in any order, by their digests; its last ten bits are 0."""
    first, second = sorted((one, other))
    return xxh3_64_intdigest(f"{_VERSION} {sample_rate} {limited:d} {first} {second}".encode()) & ~_LEVELS


def _read(path: Path) -> list[int]:
    try:
        raw = read_kept(path, _DIGEST + 8 * _MOST) or b""
    except ValueError:
        return []
    whole = xxh3_128_digest(raw[_DIGEST:]) == raw[:_DIGEST] and len(raw) % 8 == 0
    return np.frombuffer(raw[_DIGEST:], "<u8").tolist() if whole else []
