"""What the time-detail net learns from: recordings given to everybody (CC0), and as many sounds of physical models.

Synthesised ones are struck, plucked, shaken, blown, sung and hissed; everything about them is drawn from one seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from engine.audio.files.io import read_wave
from engine.rng import generator
from engine.tasks.vae.demo.instruments import (
    BEAM,
    BELL,
    MARIMBA,
    MEMBRANE,
    RATE,
    band_noise,
    breath,
    pluck,
    ring,
    room,
    samples,
    shake,
    strike,
)

LONGEST_S = 6.0


def recorded(data: Path, leave_out: Sequence[str]) -> list[np.ndarray]:
    """The recordings below ``data`` whose names fit none of the patterns, each cut to 6 s and of peak 1."""
    paths = sorted(path for path in data.rglob("*") if path.suffix == ".flac")
    kept = [path for path in paths if not any(path.match(pattern) for pattern in leave_out)]
    return [peak_one(read_wave(path, RATE)[: samples(LONGEST_S)]) for path in kept]


def synthesised(count: int, seed: int) -> list[np.ndarray]:
    """``count`` sounds of peak 1, half of them in a small room."""
    made = []
    for index in range(count):
        rng = generator(seed, "detail-sounds", index)
        wave = VOICES[index % len(VOICES)](rng)
        made.append(peak_one(room(rng, wave, rng.uniform(0.02, 0.2)) if rng.random() < 0.5 else wave))
    return made


def peak_one(wave: np.ndarray) -> np.ndarray:
    return np.asarray(wave / max(float(np.abs(wave).max(initial=0.0)), 1e-9), dtype=np.float32)


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Evenly drawn on a scale of ratios."""
    return float(low * (high / low) ** rng.random())


def _struck(rng: np.random.Generator) -> np.ndarray:
    kinds = (BEAM, MARIMBA, MEMBRANE, BELL)
    kind = int(rng.integers(len(kinds)))
    ratios = np.array(kinds[kind]) * (1 + 0.02 * rng.standard_normal(len(kinds[kind])))
    modes, contact = _between(rng, 40, 2500) * ratios, _between(rng, 0.00005, 0.004)
    seconds = _between(rng, 0.15, 2.5)
    levels = strike(modes, contact) * rng.uniform(0.3, 1, len(modes))
    tone = ring(modes, levels, _between(rng, 0.05, 4) / ratios ** rng.uniform(0.2, 1.3), seconds)
    moment = np.arange(len(tone)) / RATE
    knock = band_noise(rng, len(tone), _between(rng, 100, 4000), _between(rng, 4000, 20_000))
    knock *= np.exp(-moment / _between(rng, 0.001, 0.15))
    return peak_one(tone) + _between(rng, 0.02, 2) * peak_one(knock)


def _plucked(rng: np.random.Generator) -> np.ndarray:
    return pluck(rng, _between(rng, 60, 900), _between(rng, 0.4, 2.0), rng.uniform(0.05, 0.4), rng.random(),
                 _between(rng, 0.3, 3))  # fmt: skip


def _shaken(rng: np.random.Generator) -> np.ndarray:
    strokes = [(at, float(rng.uniform(0.2, 1))) for at in np.cumsum(rng.uniform(0.03, 0.2, rng.integers(1, 8)))]
    return shake(rng, strokes[-1][0] + 0.3, strokes, _between(rng, 1500, 12_000), _between(rng, 1500, 9000))


def _blown(rng: np.random.Generator) -> np.ndarray:
    shape = (int(rng.integers(1, 4)), int(rng.integers(2, 8)))
    centres = 200 * 40 ** rng.random(shape)
    return breath(rng, _between(rng, 0.5, 3), centres, rng.uniform(0.05, 1.0, shape), rng.uniform(0.05, 1, shape))


def _sung(rng: np.random.Generator) -> np.ndarray:
    """Short notes that glide and tremble, as birds sing, over a little hiss."""
    count = samples(_between(rng, 0.5, 2.5))
    wave = band_noise(rng, count, 200, 8000) * _between(rng, 0.0003, 0.03)
    start = 0
    while start < count:
        size = min(samples(_between(rng, 0.02, 0.4)), count - start)
        moment = np.arange(size) / RATE
        sweep = _between(rng, 800, 7000) * 2 ** (rng.uniform(-1.2, 1.2) * moment / max(moment[-1], 1e-3))
        sweep *= 1 + rng.uniform(0, 0.1) * np.sin(2 * np.pi * _between(rng, 10, 120) * moment)
        edge = min(samples(_between(rng, 0.002, 0.05)), size // 2)
        gain = np.ones(size)
        gain[:edge], gain[size - edge :] = np.linspace(0, 1, edge), np.linspace(1, 0, edge)
        gain *= rng.uniform(0.1, 1)
        phase = 2 * np.pi * np.cumsum(sweep) / RATE
        wave[start : start + size] += gain * (np.sin(phase) + rng.uniform(0, 0.3) * np.sin(2 * phase))
        start += size + samples(_between(rng, 0.005, 0.3))
    return wave


def _hissed(rng: np.random.Generator) -> np.ndarray:
    """Noise in bands, each with a rise and a fall of its own, some later than others: hats, snares, clicks."""
    count = samples(_between(rng, 0.1, 2.5))
    moment, wave = np.arange(count) / RATE, np.zeros(count)
    for _ in range(int(rng.integers(1, 5))):
        since = moment - (0.0 if rng.random() < 0.5 else rng.uniform(0, 0.7) * count / RATE)
        rise = np.clip(since / _between(rng, 0.0001, 0.1), 0, 1)
        gain = rise * np.exp(-np.maximum(since, 0) / _between(rng, 0.001, 1.0))
        low = _between(rng, 30, 8000)
        wave += _between(rng, 0.05, 1) * gain * peak_one(band_noise(rng, count, low, low * _between(rng, 1.3, 40)))
    return wave


VOICES: tuple[Callable[[np.random.Generator], np.ndarray], ...] = (_struck, _hissed, _plucked, _shaken, _blown, _sung)
