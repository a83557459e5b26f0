"""A trained model in use."""

from __future__ import annotations

import numpy as np
import torch

from engine.audio.mel import Scale
from engine.audio.settings import SpectrogramConfig
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.model import STRIDE, ConvVAE


def codec() -> Codec:
    torch.manual_seed(0)
    network = ConvVAE(128, 16, 8, "local", 94).eval().requires_grad_(False)
    return Codec(network, SpectrogramConfig(), Scale(0.0, -40.0, 100.0), torch.full((128,), 100.0))


def test_a_sound_is_decoded_as_if_it_went_on() -> None:
    # The network's own edge inside a sound is heard as a click at its end.
    ours = codec()
    codes = torch.randn(1, 16, 6, generator=torch.Generator().manual_seed(1))
    longer = torch.cat([codes, codes[..., -1:]], dim=-1)
    frames = 6 * STRIDE
    expected = ours.scale.restore(ours.model.decode(longer, frames)[:, 0])
    torch.testing.assert_close(ours.decode(codes), expected)
    assert not torch.allclose(expected[..., -1], ours.scale.restore(ours.model.decode(codes, frames)[:, 0])[..., -1])


def test_silence_comes_back_as_silence_of_the_same_length() -> None:
    wave = np.zeros(30_000, np.float32)
    assert np.array_equal(codec().reconstruct(wave), wave)
