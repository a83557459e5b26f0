"""Sounds cut into chunks of one length. Works on indices; reads samples only when asked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

LEAD_IN_S = 0.1
Item = TypeVar("Item")


@dataclass(frozen=True)
class Chunk:
    """``samples`` samples of sound number ``sound`` from ``start``; the last chunk of a sound reaches past its end."""

    sound: int
    start: int
    samples: int


def cut(lengths: Sequence[int], chunk_samples: int) -> list[Chunk]:
    """Every sound as chunks end to end; ``lengths`` in samples. A sound shorter than a chunk is one chunk."""
    return [
        Chunk(sound, start, min(chunk_samples, length - start))
        for sound, length in enumerate(lengths)
        for start in range(0, length, chunk_samples)
    ]


def evenly(items: Sequence[Item], most: int) -> list[Item]:
    """At most ``most`` of ``items``, evenly spread, the first and the last among them."""
    if len(items) <= most:
        return list(items)
    return [items[index] for index in np.linspace(0, len(items) - 1, most).round().astype(int)]


def read_window(pcm: NDArray[np.int16], start: int, samples: int) -> NDArray[np.int16]:
    """``samples`` samples from ``start``, which may lie before the sound or reach past it: zeros there."""
    window = np.zeros(samples, dtype=np.int16)
    first, last = max(0, start), min(len(pcm), start + samples)
    if first < last:
        window[first - start : last - start] = pcm[first:last]
    return window


def random_starts(
    starts: NDArray[np.int64], lengths: NDArray[np.int64], chunk_samples: int, lead_in: int, draws: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Where crops near chunks from ``starts`` begin, in sounds of ``lengths``, for draws in 0...1.

    Long sounds: up to half a chunk before or after, inside the sound. Sounds shorter than a chunk: half of the time at
    their very beginning, else after up to ``lead_in`` samples of silence (or what fits).
    """
    room = lengths - chunk_samples
    inside = np.clip(np.round(starts + (draws - 0.5) * chunk_samples), 0, np.maximum(room, 0))
    before = -np.round(np.maximum(2 * draws - 1, 0) * np.minimum(lead_in, -room))
    return np.where(room > 0, inside, before).astype(np.int64)
