"""The setting that leaves the second picture out reaches every way from a model to sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from engine.audio.mel import Scale
from engine.audio.settings import SpectrogramConfig
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.sounds.load import build_codec


def codec() -> Codec:
    torch.manual_seed(0)
    network = ConvVAE(128, 16, 8, "local", 94).eval()
    return Codec(network, SpectrogramConfig(), Scale(0.0, -40.0, 20.0), torch.full((128,), 100.0))


def test_the_same_spectrogram_sounds_otherwise_without_the_second_picture() -> None:
    db = torch.full((1, 128, 30), -80.0)
    db[..., 12:] = torch.linspace(-5, -40, 18)
    sharp = codec()
    ones = [one.to_wave(db, 12_000) for one in (sharp, sharp, replace(sharp, sharp_attacks=False))]
    assert np.array_equal(ones[0], ones[1])
    assert not np.allclose(ones[0], ones[2], atol=1e-4)


def test_a_saved_model_follows_its_runs_setting() -> None:
    own = codec()
    state = {"average": own.model.state_dict(), "task": own.state_dict()}
    for sharp in (True, False):
        config = VAEConfig(latent_dim=16, channels=8, sharp_attacks=sharp)
        assert build_codec(config, "a test", state).sharp_attacks is sharp
