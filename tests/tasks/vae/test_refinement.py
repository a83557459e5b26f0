"""A given sound's code is fitted to it."""

from __future__ import annotations

import torch

from engine.audio.mel import Scale
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.refinement import refined

SCALE = Scale(0.0, -40.0, 20.0)


def network() -> ConvVAE:
    torch.manual_seed(0)
    model = ConvVAE(128, 16, 8, "local", 94).eval()
    torch.nn.init.normal_(model.decoder[-1].weight, std=0.2)  # type: ignore[arg-type]
    return model


def test_a_code_comes_nearer_to_what_it_is_to_say_and_the_weights_stay() -> None:
    model = network()
    before = [weight.detach().clone() for weight in model.parameters()]
    wanted = torch.randn(1, 16, 6, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():  # as sounds are made
        x, begin = model.decode(wanted, 96), torch.zeros_like(wanted)
        found = refined(model, SCALE, x, begin)
        far, near = ((model.decode(code, 96) - x).square().mean() for code in (begin, found))
    assert near < 0.5 * far
    assert torch.equal(found, refined(model, SCALE, x, begin)) and not begin.any()
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))
    assert all(weight.grad is None for weight in model.parameters())


class Flat(ConvVAE):
    """Every band of a frame as loud as its code says."""

    def decode(self, z: torch.Tensor, frames: int) -> torch.Tensor:
        return z[:, :1, None, :frames].expand(-1, -1, 128, -1)


def test_the_levels_of_frames_count_beside_their_bands() -> None:
    # The mean of its decibels is quieter than noise is.
    noise = torch.randn(1, 1, 128, 96, generator=torch.Generator().manual_seed(2)) / 2
    begin = torch.zeros(1, 16, 96)
    begin[:, 0] = noise.mean((1, 2))
    found = refined(Flat(128, 16, 8, "local", 94), SCALE, noise, begin)
    assert 0.2 < float((found - begin)[:, 0].mean()) * SCALE.std < 2.0
