"""Synthetic sounds: lines and bands in a mel spectrogram, for collections too small to show what there is.

A model that has met seven recordings knows no lone partial in silence, and answers one with silence. Letters: M mel
bands, F frames.
"""

from __future__ import annotations

import numpy as np

SILENCE_DB = -200.0
MOST_LINES = 8
ALONE = 0.5
LINES = 0.6
MOST, ENOUGH_FILES, FEW_FILES = 0.25, 14, 7


def share(files: int) -> float:
    """The part of chunks that gets a made-up sound: a quarter with 7 files or fewer, none from 14 on."""
    return MOST * min(1.0, max(0.0, (ENOUGH_FILES - files) / (ENOUGH_FILES - FEW_FILES)))


def draw(rng: np.random.Generator, count: int, bands: int, frames: int, part: float) -> tuple[np.ndarray, np.ndarray]:
    """``count`` sounds as mel power in dB below the loudest bin [count, M, F], and which of them stand alone [count].

    part: the fraction that sounds at all; the others are silence and never alone. Half of those that sound begin with
    the chunk, half within its first half.
    """
    made = np.full((count, bands, frames), SILENCE_DB, dtype=np.float32)
    alone = np.zeros(count, dtype=bool)
    for place in range(count):
        if rng.random() >= part:
            continue
        onset = 0 if rng.random() < 0.5 else int(rng.integers(0, max(1, frames // 2)))
        since = np.arange(frames) - onset
        sound = _lines(rng, bands, since) if rng.random() < LINES else _band(rng, bands, since)
        made[place] = np.where(since >= 0, sound, SILENCE_DB)
        alone[place] = rng.random() < ALONE
    return made, alone


def _lines(rng: np.random.Generator, bands: int, since: np.ndarray) -> np.ndarray:
    """Up to eight partials anywhere [M, F], each with a level and a decay of its own, a third of them gliding."""
    top = rng.uniform(-25, 0)
    sound = np.full((bands, len(since)), SILENCE_DB)
    for _ in range(int(rng.integers(1, MOST_LINES + 1))):
        glide = rng.normal(0, 0.01) if rng.random() < 0.3 else 0.0
        centre = rng.uniform(0, bands - 1) + glide * since
        level = top - rng.exponential(8.0) - rng.exponential(0.35) * np.maximum(since, 0)
        distance = np.abs(np.arange(bands)[:, None] - centre)
        # A triangular band filter, and the skirt of the window below it.
        filtered = 20 * np.log10(np.clip(1 - distance, 1e-4, 1))
        sound = np.maximum(sound, level + np.maximum(filtered, -18.0 * distance))
    return sound


def _band(rng: np.random.Generator, bands: int, since: np.ndarray) -> np.ndarray:
    """Noise in a band of any width [M, F] with slopes on either side, dying away."""
    low, width = rng.uniform(0, 0.8 * bands), rng.uniform(4, bands)
    outside = np.maximum(np.abs(np.arange(bands) - (low + width / 2)) - width / 2, 0)
    level = rng.uniform(-30, -3) - rng.exponential(0.6) * np.maximum(since, 0)
    grain = 10 * np.log10(rng.exponential(1.0, (bands, len(since))) + 1e-3)
    return np.asarray(level - rng.uniform(0.3, 3) * outside[:, None] + grain)
