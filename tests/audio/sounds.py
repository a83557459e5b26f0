"""Synthetic sounds for the tests of this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

Write = Callable[..., Path]  # the fixture of that name


def chirp(seed: int, duration_s: float = 0.5, rate: int = 48_000) -> np.ndarray:
    """A struck sound of its own for each seed: float64 [samples], peak 0.5."""
    rng = np.random.default_rng(seed)
    moment = np.arange(round(duration_s * rate)) / rate
    wave = sum(
        np.sin(2 * np.pi * f * moment) * np.exp(-moment * d) for f, d in rng.uniform([90, 4], [3000, 30], (8, 2))
    )
    wave = wave + 0.3 * rng.standard_normal(moment.size) * np.exp(-moment * 60)
    return 0.5 * wave / np.abs(wave).max()
