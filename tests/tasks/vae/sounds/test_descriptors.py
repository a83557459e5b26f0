"""What one hears of a sound, as figures."""

from __future__ import annotations

import math

import pytest
import torch

from engine.audio.mel import AudioSpectrogram
from engine.audio.settings import SpectrogramConfig
from engine.tasks.vae.sounds.descriptors import centroid

FLOOR = -80.0
CONFIG = SpectrogramConfig()


@pytest.mark.parametrize(("second", "hertz"), [(0.0, 500.0), (1.0, 2_250.0), (2.0, 3_300.0)])
def test_the_centroid_is_the_mean_frequency_by_power(second: float, hertz: float) -> None:
    """Of 500 Hz beside 4 kHz of so many times its amplitude."""
    time = torch.arange(CONFIG.sample_rate) / CONFIG.sample_rate
    wave = 0.1 * (torch.sin(2 * math.pi * 500 * time) + second * torch.sin(2 * math.pi * 4_000 * time))
    db = AudioSpectrogram(CONFIG)(wave[None])[0]
    assert centroid(db, CONFIG, FLOOR) == pytest.approx(math.log2(hertz), abs=0.03)


def test_silence_has_a_centroid_that_can_be_held_against_others() -> None:
    assert centroid(torch.full((CONFIG.n_mels, 9), FLOOR), CONFIG, FLOOR) == pytest.approx(math.log2(20.0))
