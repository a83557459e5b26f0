"""The network: what it takes, what it gives, and what does not depend on what."""

from __future__ import annotations

import pytest
import torch

from engine.errors import ConfigError
from engine.tasks.vae.model import ConvVAE


def model(code: str = "temporal", latent_dim: int = 16) -> ConvVAE:
    torch.manual_seed(0)
    return ConvVAE(128, latent_dim, 8, code, 94).eval()


@pytest.mark.parametrize("frames", [16, 94, 96, 97, 400])
def test_any_length_goes_through_in_one_pass(frames: int) -> None:
    network = model()
    x = torch.randn(2, 1, 128, frames)
    mean, log_var = network.encode(x)
    assert mean.shape == log_var.shape == (2, 16, -(-frames // 16))
    assert network.decode(mean, frames).shape == x.shape


def test_a_vector_code_is_one_vector_a_chunk() -> None:
    network = model("vector")
    x = torch.randn(2, 1, 128, 94)
    output, mean, _ = network(x, torch.zeros(2, 16, 1))
    assert mean.shape == (2, 16, 1) and output.shape == x.shape


def test_the_middle_of_a_long_sound_does_not_know_how_long_it_is() -> None:
    network = model()
    x = torch.randn(1, 1, 128, 640)
    whole, _ = network.encode(x)
    part, _ = network.encode(x[..., :320])
    torch.testing.assert_close(whole[..., 4:15], part[..., 4:15], atol=1e-4, rtol=1e-4)


def test_no_sound_depends_on_its_neighbours_in_the_batch() -> None:
    network = model()
    x = torch.randn(4, 1, 128, 94)
    together, _ = network.encode(x)
    alone, _ = network.encode(x[2:3])
    torch.testing.assert_close(together[2:3], alone, atol=1e-5, rtol=1e-5)


def test_the_first_answer_is_near_the_mean() -> None:
    network = model()
    output, _, _ = network(torch.randn(2, 1, 128, 94), torch.zeros(2, 16, 6))
    assert float(output.detach().abs().max()) < 0.5


def test_mel_bands_must_fit_the_strides() -> None:
    with pytest.raises(ValueError, match="multiple of 16"):
        ConvVAE(100, 16, 8, "temporal", 94)


@pytest.mark.parametrize(("code", "frames", "latent"), [("local", 301, 19), ("temporal", 301, 19), ("vector", 94, 1)])
def test_codes_have_their_shape_and_decode_to_the_frames_asked_for(code: str, frames: int, latent: int) -> None:
    network = model(code)
    mean, log_var = network.encode(torch.randn(2, 1, 128, frames))
    assert mean.shape == log_var.shape == (2, 16, latent)
    assert network.decode(mean, frames).shape == (2, 1, 128, frames)


@torch.inference_mode()
def test_one_pass_over_a_long_sound_equals_windows_of_it_away_from_their_edges() -> None:
    network, x = model("local"), torch.randn(1, 1, 128, 480)
    whole = network.decode(network.encode(x)[0], 480)
    part = x[..., 96:384]
    window = network.decode(network.encode(part)[0], 288)
    assert torch.allclose(whole[..., 192:288], window[..., 96:192], atol=1e-5)


def test_a_width_that_does_not_divide_into_rows_is_refused_with_the_nearest_that_does() -> None:
    with pytest.raises(ConfigError, match="multiple of 8") as caught:
        model("local", 18)
    assert "--latent-dim 16" in caught.value.remedy
    model("temporal", 18)
