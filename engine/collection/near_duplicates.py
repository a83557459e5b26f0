"""Which files of a collection hold the same recording: they go to one side of the split together.

What makes two waves the same is measured in :mod:`engine.audio.likeness`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from engine.audio.likeness import SAME, likeness, norms, picture

_SLACK = 0.005  # more than half precision takes from the bound


def group_copies(
    digests: Sequence[str],
    sketches: Sequence[str],
    read: Callable[[int], np.ndarray],
    sample_rate: int,
    check: Callable[[], None] = lambda: None,
) -> list[int]:
    """A number for each sound, equal for the same sound; numbers count up in order of first appearance.

    digests: of the samples; equal ones are the same without a look. sketches: from
    :func:`engine.audio.likeness.sketch`. read: the int16 samples of sound ``i``, asked for only where the sketches
    leave it open (64 of 236 different sounds).
    """
    first: dict[str, int] = {}
    leader = [first.setdefault(digest, index) for index, digest in enumerate(digests)]
    pictures: dict[int, np.ndarray] = {}
    for a, b in _candidates(sorted(first.values()), sketches):
        check()
        for index in {a, b} - pictures.keys():
            pictures[index] = picture(read(index), sample_rate)
        if _root(leader, a) != _root(leader, b) and likeness(pictures[a], pictures[b]) >= SAME:
            low, high = sorted((_root(leader, a), _root(leader, b)))
            leader[high] = low
    numbers: dict[int, int] = {}
    return [numbers.setdefault(_root(leader, index), len(numbers)) for index in range(len(digests))]


def _root(leader: Sequence[int], index: int) -> int:
    while leader[index] != index:
        index = leader[index]
    return index


def _candidates(indices: Sequence[int], sketches: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Pairs that may be the same. No lag lifts a correlation above the product of the magnitudes (all phases in line),
    nor that above the product of the norms of blocks of them (Cauchy and Schwarz): whoever fails this fails."""
    if not indices:
        return
    lengths = np.stack([norms(sketches[index]) for index in indices])
    for start in range(0, len(indices), 512):
        bound = lengths[start : start + 512] @ lengths.T
        for a, b in np.argwhere(bound >= SAME - _SLACK).tolist():
            if start + a < b:
                yield indices[start + a], indices[b]
