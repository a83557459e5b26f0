"""What ViSQOL hears: an estimate of how listeners would rate a wave beside its original (Chinen et al. 2020).

Its audio mode at 48 kHz, by the package ``visqol-python``, which only this bench needs: ``pip install -e ".[bench]"``.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import click
import numpy as np

from tests.bench.scoring import RATE

SILENCE_S = 0.5  # before and after: as its authors ask for; alone, sounds under .7 s are too short for it


@cache
def _listener() -> Any:
    from visqol import VisqolApi

    found = VisqolApi()
    found.create(mode="audio")
    return found


def required() -> None:
    """``ClickException`` where the package is missing."""
    if find_spec("visqol") is None:
        raise click.ClickException('ViSQOL is not installed. Install it: pip install -e ".[bench]"')


def quality(original: np.ndarray, other: np.ndarray) -> float:
    """MOS of ``other`` [T] beside its ``original`` [T] at 48 kHz: 1 (bad) to 4.7 (the same)."""
    other = np.pad(other, (0, max(0, len(original) - len(other))))[: len(original)]
    around = round(SILENCE_S * RATE)
    waves = (np.pad(np.asarray(wave, np.float64), around) for wave in (original, other))
    return float(_listener().measure_from_arrays(*waves, RATE).moslqo)
