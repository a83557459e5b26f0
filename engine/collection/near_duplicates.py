"""Which files of a collection hold the same recording: they go to one side of the split together.

What makes two waves the same is measured in :mod:`engine.audio.likeness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

import numpy as np

from engine.audio.files.cache import Facts
from engine.audio.likeness import SAME, likeness, norms, picture
from engine.collection.comparisons import Comparisons, pair_key

_SLACK = 0.005  # more than half precision takes from the bound
_COARSE = 4  # blocks of a sketch in one number for the first look
_ROWS, _PAIRS = 512, 2_048  # at once
_PICTURES = 2_048  # of 85 kB each, kept while pairs are compared


def group_copies(
    sounds: Sequence[Facts],
    read: Callable[[int], np.ndarray],
    sample_rate: int,
    known: Comparisons,
    report: Callable[[int, int], None] = lambda done, total: None,
    check: Callable[[], None] = lambda: None,
) -> list[int]:
    """A number for each sound, equal for the same sound; numbers count up in order of first appearance.

    Equal digests are the same without a look. read: the int16 samples of sound ``i``, asked for only where sketches
    leave it open and ``known`` does not hold the pair; what was found is added there, also when ``check`` raises.
    report: (sounds looked at, all), while pairs are compared.
    """
    first: dict[str, int] = {}
    leader = [first.setdefault(sound.digest, index) for index, sound in enumerate(sounds)]
    compare = _Comparer(sounds, read, sample_rate, known)
    try:
        for limited in (False, True):
            for done, a, b in _candidates(sorted(first.values()), sounds, limited):
                check()
                if _root(leader, a) == _root(leader, b):
                    continue
                if not compare.is_known(a, b, limited):
                    report(done, len(first))
                if compare.same(a, b, limited):
                    low, high = sorted((_root(leader, a), _root(leader, b)))
                    leader[high] = low
    finally:
        known.save()
    numbers: dict[int, int] = {}
    return [numbers.setdefault(_root(leader, index), len(numbers)) for index in range(len(sounds))]


class _Comparer:
    """Whether two sounds are the same; no pair is compared twice."""

    def __init__(
        self, sounds: Sequence[Facts], read: Callable[[int], np.ndarray], sample_rate: int, known: Comparisons
    ) -> None:
        self._sounds, self._rate, self._known = sounds, sample_rate, known
        self._picture = lru_cache(_PICTURES)(lambda index, limited: picture(read(index), sample_rate, limited))

    def _key(self, a: int, b: int, limited: bool) -> int:
        return pair_key(self._sounds[a].digest, self._sounds[b].digest, self._rate, limited)

    def is_known(self, a: int, b: int, limited: bool) -> bool:
        return self._known.get(self._key(a, b, limited)) is not None

    def same(self, a: int, b: int, limited: bool) -> bool:
        key = self._key(a, b, limited)
        same = self._known.get(key)
        if same is None:
            same = likeness(self._picture(a, limited), self._picture(b, limited)) >= SAME
            self._known.add(key, same)
        return same


def _root(leader: Sequence[int], index: int) -> int:
    while leader[index] != index:
        index = leader[index]
    return index


def _candidates(indices: Sequence[int], sounds: Sequence[Facts], limited: bool) -> Iterator[tuple[int, int, int]]:
    """(rows done, a, b) of pairs that may be the same; as limited waves, those with a clipped sound only.

    No lag lifts a correlation above the product of the magnitudes (all phases in line), nor that above the product of
    the norms of blocks of them (Cauchy and Schwarz): whoever fails this fails. Large blocks first, they cost less.
    """
    clipped = np.array([any(fault.code == "clipped" for fault in sounds[index].faults) for index in indices], bool)
    rows = np.flatnonzero(clipped) if limited else np.arange(len(indices))
    if not rows.size:
        return
    sketches = [sounds[index].limited_sketch if limited else sounds[index].sketch for index in indices]
    fine = np.stack([norms(sketch).astype(np.float16) for sketch in sketches])
    coarse = np.stack([_coarser(row.astype(np.float32)) for row in fine])
    for start in range(0, rows.size, _ROWS):
        some = rows[start : start + _ROWS]
        pairs = np.argwhere(coarse[some] @ coarse.T >= SAME - _SLACK)
        pairs[:, 0] = some[pairs[:, 0]]
        a, b = pairs[:, 0], pairs[:, 1]
        pairs = pairs[(a < b) | (limited & ~clipped[b])]
        for at in range(0, len(pairs), _PAIRS):
            near = pairs[at : at + _PAIRS]
            bound = np.einsum("ij,ij->i", fine[near[:, 0]], fine[near[:, 1]], dtype=np.float32)
            for one, other in near[bound >= SAME - _SLACK].tolist():
                yield int(np.searchsorted(rows, one)) + 1, indices[one], indices[other]


def _coarser(fine: np.ndarray) -> np.ndarray:
    padded = np.pad(fine, (0, -fine.size % _COARSE))
    return np.asarray(np.sqrt(np.square(padded).reshape(-1, _COARSE).sum(axis=1)))
