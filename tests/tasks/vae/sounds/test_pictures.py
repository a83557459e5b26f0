"""What is shown and played beside made sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.audio.mel import Scale
from engine.audio.settings import SpectrogramConfig
from engine.rundir.record import FileRow
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.pictures import original

RATE = 48_000


@pytest.mark.parametrize("gains", [(0.8, 0.2), (0.5, 0.5), (0.4,)])
def test_a_recording_is_played_in_as_many_channels_as_it_has(tmp_path: Path, gains: tuple[float, ...]) -> None:
    noise = np.random.default_rng(0).standard_normal(RATE // 2).clip(-1, 1)
    name = "hiss.wav"
    soundfile.write(tmp_path / name, noise[:, None] * np.array(gains), RATE, subtype="FLOAT")
    network = ConvVAE(128, 16, 8, "local", 94).eval()
    codec = Codec(network, SpectrogramConfig(), Scale(0.0, -40.0, 20.0), torch.full((128,), 100.0))
    row = FileRow(path=name, split="train", verdict="used")
    heard = original(Trained(codec, "run", "", "best", "", 0.85, tmp_path, (row,)), name, tmp_path)
    wave, rate = soundfile.read(heard.path)
    assert rate == RATE and len(wave) == len(noise) and heard.whole
    expected = noise if len(set(gains)) == 1 else noise[:, None] * np.array(gains) / max(gains)
    np.testing.assert_allclose(wave, expected * 10 ** (-1 / 20), atol=1e-3)
