"""The network: what it takes, what it gives, and what does not depend on what."""

from __future__ import annotations

import pytest
import torch

from engine.errors import ConfigError
from engine.tasks.vae.model import ConvVAE


def model(code: str = "local", latent_dim: int = 16) -> ConvVAE:
    torch.manual_seed(0)
    return ConvVAE(128, latent_dim, 8, code, 94).eval()


@pytest.mark.parametrize(("code", "frames", "latent"), [("local", 301, 19), ("temporal", 301, 19), ("vector", 94, 1)])
def test_codes_have_their_shape_and_decode_to_the_frames_asked_for(code: str, frames: int, latent: int) -> None:
    network = model(code)
    mean, log_var = network.encode(torch.randn(2, 1, 128, frames))
    assert mean.shape == log_var.shape == (2, 16, latent)
    assert network.decode(mean, frames).shape == (2, 1, 128, frames)


@torch.inference_mode()
def test_one_pass_over_a_long_sound_equals_windows_of_it_away_from_their_edges() -> None:
    network, x = model(), torch.randn(1, 1, 128, 480)
    whole = network.decode(network.encode(x)[0], 480)
    part = x[..., 96:384]
    window = network.decode(network.encode(part)[0], 288)
    assert torch.allclose(whole[..., 192:288], window[..., 96:192], atol=1e-5)


def test_a_width_that_does_not_divide_into_rows_is_refused_with_the_nearest_that_does() -> None:
    with pytest.raises(ConfigError, match="multiple of 8") as caught:
        model("local", 18)
    assert "--latent-dim 16" in caught.value.remedy
    model("temporal", 18)
