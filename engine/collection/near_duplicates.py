"""Which files of a collection hold the same recording: they go to one side of the split together.

What makes two waves the same is measured in :mod:`engine.audio.likeness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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

    Equal digests are the same without a look. A clipped sound is like more than its source: cut off, the soft stroke of
    a drum is like the hard one. So it goes to the one that it is likest, and never joins two that differ. read: the
    int16 samples of sound ``i``, asked for only where sketches leave it open and ``known`` does not hold the pair; what
    was found is added there, also when ``check`` raises. report: (sounds looked at, all), while pairs are compared.
    """
    first: dict[str, int] = {}
    groups = _Groups([first.setdefault(sound.digest, index) for index, sound in enumerate(sounds)])
    compare = _Comparer(sounds, read, sample_rate, known, lambda done: report(done, len(first)), check)
    clipped = [index for index in sorted(first.values()) if _is_clipped(sounds[index])]
    whole = [index for index in sorted(first.values()) if not _is_clipped(sounds[index])]
    try:
        for a, b, _ in compare.alike(whole, whole, False, groups.are_one):
            groups.join(a, b)
        groups.settled = {groups.root(index) for index in whole}
        _join_likest(groups, compare, clipped, whole)
        for limited in (False, True):
            for a, b, _ in compare.alike(clipped, clipped, limited, groups.are_decided):
                groups.join(a, b)
    finally:
        known.save()
    return groups.numbers()


def _is_clipped(sound: Facts) -> bool:
    return any(fault.code == "clipped" for fault in sound.faults)


class _Groups:
    """Sounds that are the same, each group under its first. settled: those that hold a sound that is not clipped."""

    def __init__(self, leader: list[int]) -> None:
        self._leader = leader
        self.settled: set[int] = set()

    def root(self, index: int) -> int:
        while self._leader[index] != index:
            index = self._leader[index]
        return index

    def are_one(self, a: int, b: int) -> bool:
        return self.root(a) == self.root(b)

    def are_decided(self, a: int, b: int) -> bool:
        """Whether it is known of two whether they are the same."""
        return self.are_one(a, b) or {self.root(a), self.root(b)} <= self.settled

    def join(self, a: int, b: int) -> None:
        low, high = sorted((self.root(a), self.root(b)))
        self._leader[high] = low
        if high in self.settled:
            self.settled.add(low)

    def numbers(self) -> list[int]:
        found: dict[int, int] = {}
        return [found.setdefault(self.root(index), len(found)) for index in range(len(self._leader))]


def _join_likest(groups: _Groups, compare: _Comparer, clipped: Sequence[int], whole: Sequence[int]) -> None:
    """Each clipped sound to the group of whole ones that it is likest, as the wave it is or as a limited one."""
    likest: dict[int, tuple[float, int]] = {}
    for limited in (False, True):
        seen: dict[int, set[int]] = {a: set() for a in clipped}  # roots that are known to be the same
        for a, b, like in compare.alike(clipped, whole, limited, _has(seen, groups)):
            seen[a].add(groups.root(b))
            likest[a] = max(likest.get(a, (0.0, 0)), (like, -b))
    for a, (_, b) in likest.items():
        groups.join(a, -b)


def _has(seen: Mapping[int, set[int]], groups: _Groups) -> Callable[[int, int], bool]:
    return lambda a, b: groups.root(b) in seen[a]


class _Comparer:
    """Which pairs of sounds are the same; none is compared twice. report: told of the row before a pair is compared."""

    def __init__(
        self,
        sounds: Sequence[Facts],
        read: Callable[[int], np.ndarray],
        sample_rate: int,
        known: Comparisons,
        report: Callable[[int], None],
        check: Callable[[], None],
    ) -> None:
        self._sounds, self._rate, self._known = sounds, sample_rate, known
        self._report, self._check = report, check
        self._picture = lru_cache(_PICTURES)(lambda index, limited: picture(read(index), sample_rate, limited))

    def alike(
        self, rows: Sequence[int], columns: Sequence[int], limited: bool, skip: Callable[[int, int], bool]
    ) -> Iterator[tuple[int, int, float]]:
        """(a, b, likeness) of the pairs of a row and a column that are the same, but for those to ``skip``."""
        for done, a, b in _candidates(rows, columns, self._sounds, limited):
            self._check()
            if skip(a, b):
                continue
            like = self._likeness(a, b, limited, done)
            if like >= SAME:
                yield a, b, like

    def _likeness(self, a: int, b: int, limited: bool, done: int) -> float:
        key = pair_key(self._sounds[a].digest, self._sounds[b].digest, self._rate, limited)
        found = self._known.get(key)
        if found is None:
            self._report(done)
            found = self._known.add(key, likeness(self._picture(a, limited), self._picture(b, limited)))
        return found


def _candidates(
    rows: Sequence[int], columns: Sequence[int], sounds: Sequence[Facts], limited: bool
) -> Iterator[tuple[int, int, int]]:
    """(rows done, a, b) of pairs of a row and a column that may be the same.

    No lag lifts a correlation above the product of the magnitudes (all phases in line), nor that above the product of
    the norms of blocks of them (Cauchy and Schwarz): whoever fails this fails. Large blocks first, they cost less.
    """
    if not rows or not columns:
        return
    fine, fine_columns = (_sketches(sounds, part, limited) for part in (rows, columns))
    coarse, coarse_columns = (
        np.stack([_coarser(one.astype(np.float32)) for one in part]) for part in (fine, fine_columns)
    )
    for start in range(0, len(rows), _ROWS):
        pairs = np.argwhere(coarse[start : start + _ROWS] @ coarse_columns.T >= SAME - _SLACK)
        pairs[:, 0] += start
        if rows is columns:
            pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        for at in range(0, len(pairs), _PAIRS):
            near = pairs[at : at + _PAIRS]
            bound = np.einsum("ij,ij->i", fine[near[:, 0]], fine_columns[near[:, 1]], dtype=np.float32)
            for row, column in near[bound >= SAME - _SLACK].tolist():
                yield row + 1, rows[row], columns[column]


def _sketches(sounds: Sequence[Facts], indices: Sequence[int], limited: bool) -> np.ndarray:
    """float16 [sounds, blocks]"""
    texts = [sounds[index].limited_sketch if limited else sounds[index].sketch for index in indices]
    return np.stack([norms(text).astype(np.float16) for text in texts])


def _coarser(fine: np.ndarray) -> np.ndarray:
    padded = np.pad(fine, (0, -fine.size % _COARSE))
    return np.asarray(np.sqrt(np.square(padded).reshape(-1, _COARSE).sum(axis=1)))
