"""The network, its loss and its priors."""

from __future__ import annotations

import pytest
import torch

from engine.tasks.vae.losses import get_kl_weight, vae_loss
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.prior import BURN_IN, OneShotPrior, TexturePrior, between, is_texture, load_prior, prior_state


def model(code: str = "temporal") -> ConvVAE:
    torch.manual_seed(0)
    return ConvVAE(128, 16, 8, code, 94).eval()


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


def loss(weight: float, free_bits: float = 0.0, error: float = 1.0) -> object:
    x = torch.zeros(4, 1, 128, 94)
    mean, log_var = torch.full((4, 16, 6), 0.5), torch.zeros(4, 16, 6)
    return vae_loss(x, x + error, mean, log_var, kl_weight=weight, free_bits=free_bits, std_db=15.0)


def test_the_loss_is_its_parts() -> None:
    out = loss(0.3)
    assert float(out.loss) == pytest.approx(float(out.recon) + 0.3 * float(out.kl))
    assert float(out.divergence) == pytest.approx(96 * 0.5 * 0.25), "KL itself: nats, summed, no clamp"
    assert float(out.kl) == pytest.approx(float(out.divergence) / (128 * 94 / 8))


def test_free_bits_cost_nothing_and_move_nothing() -> None:
    mean = torch.full((4, 16, 6), 0.1, requires_grad=True)
    x = torch.zeros(4, 1, 128, 94)
    out = vae_loss(x, x, mean, torch.zeros(4, 16, 6), kl_weight=1.0, free_bits=0.05, std_db=15.0)
    out.loss.backward()
    assert mean.grad is not None and float(mean.grad.abs().max()) == 0.0
    assert float(out.divergence) == pytest.approx(96 * 0.005, rel=1e-3)


def test_errors_below_three_decibels_are_not_chased() -> None:
    x = torch.zeros(1, 1, 128, 94)
    gradients = []
    for error in (0.02, 0.04):
        output = (x + error).requires_grad_()
        none = torch.zeros(1, 16, 6)
        vae_loss(x, output, none, none, kl_weight=0.0, free_bits=0.0, std_db=15.0).loss.backward()
        gradients.append(float(output.grad.abs().sum()))
    assert gradients[1] == pytest.approx(2 * gradients[0]), "below the floor the variance is fixed"


def test_the_kl_weight_rises_and_stays() -> None:
    assert [get_kl_weight(step, 100, 0.5) for step in (0, 25, 50, 100)] == [0.0, 0.5, 1.0, 1.0]
    assert get_kl_weight(1, 100, 0.0) == 1.0


def test_a_one_shot_prior_gives_back_the_distribution_it_was_fitted_to() -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(4000, 2, 3, generator=generator) * torch.tensor([1.0, 3.0])[:, None] + 5
    prior = OneShotPrior.fit(truth, torch.zeros_like(truth))
    strayed = prior.deviate(torch.randn(4000, 2, 3, generator=generator), 1.0)
    torch.testing.assert_close(prior.mean.view(2, 3), truth.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(strayed.std(0), truth.std(0), atol=0.2, rtol=0)
    drawn = prior.new(strayed, torch.rand(4000, 3, generator=generator))
    torch.testing.assert_close(drawn.mean(0), truth.mean(0), atol=0.2, rtol=0)
    torch.testing.assert_close(drawn.std(0), truth.std(0), atol=0.2, rtol=0)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_a_new_sound_lies_between_two_of_the_collection(count: int) -> None:
    means = torch.arange(float(count))[:, None, None].expand(count, 2, 3)
    places = between(means, torch.rand(500, 3, generator=torch.Generator().manual_seed(0)))[:, 0, 0]
    assert float(places.min()) >= 0 and float(places.max()) <= count - 1
    if count > 2:
        assert not torch.isclose(places, places.round(), atol=1e-3).all(), "copies of single sounds"
    extremes = torch.tensor([[0.0, 0.0, 0.0], [0.9999999, 0.9999999, 1.0]])
    assert torch.isfinite(between(means, extremes)).all()


def test_a_prior_of_an_older_version_turns_around_the_mean() -> None:
    state = prior_state(OneShotPrior.fit(torch.randn(5, 4, 3), torch.ones(5, 4, 3)))
    state.pop("means")
    prior = load_prior(state)
    assert isinstance(prior, OneShotPrior)
    assert torch.equal(prior.new(torch.zeros(1, 4, 3), torch.rand(1, 3))[0], prior.mean.view(4, 3))


def test_one_shot_priors_exist_for_fewer_sounds_than_dimensions() -> None:
    prior = OneShotPrior.fit(torch.randn(3, 16, 12), torch.full((3, 16, 12), 0.1))
    assert torch.isfinite(prior.deviate(torch.randn(2, 16, 12), 0.85)).all()


def test_a_texture_prior_keeps_the_memory_and_the_place_of_a_sound() -> None:
    generator = torch.Generator().manual_seed(0)
    code = torch.zeros(2, 5000)
    for frame in range(1, 5000):
        code[:, frame] = 0.9 * code[:, frame - 1] + torch.randn(2, generator=generator)
    code[0] += 10
    prior = TexturePrior.fit([code], torch.zeros(2))
    strayed = prior.deviate(torch.randn(1, 2, 5000 + BURN_IN, generator=generator), 1.0)
    drawn = prior.new(strayed, torch.rand(1, 3))[0]
    assert drawn.shape == (2, 5000)
    centred = drawn - drawn.mean(1, keepdim=True)
    memory = (centred[:, 1:] * centred[:, :-1]).mean(1) / centred.square().mean(1)
    torch.testing.assert_close(memory, torch.full((2,), 0.9), atol=0.05, rtol=0)
    assert float(drawn[0].mean()) == pytest.approx(10, abs=1.0)


def test_a_texture_prior_never_explodes() -> None:
    growing = (1.1 ** torch.arange(60.0))[None].repeat(2, 1) + 0.01 * torch.randn(2, 60)
    prior = TexturePrior.fit([growing], torch.zeros(2))
    assert torch.isfinite(prior.deviate(torch.randn(1, 2, 5000), 1.0)).all()


@pytest.mark.parametrize("kind", ["one-shots", "textures"])
def test_a_prior_survives_its_state(kind: str) -> None:
    if kind == "one-shots":
        prior = OneShotPrior.fit(torch.randn(5, 4, 3), torch.ones(5, 4, 3))
        noise = torch.randn(2, 4, 3)
    else:
        prior = TexturePrior.fit([torch.randn(4, 50)], torch.ones(4))
        noise = torch.randn(2, 4, 40)
    again = load_prior(prior_state(prior))
    picks = torch.rand(2, 3)
    assert torch.equal(prior.new(prior.deviate(noise, 0.85), picks), again.new(again.deviate(noise, 0.85), picks))
    with pytest.raises(ValueError, match="unknown prior"):
        load_prior({"kind": "mystery"})


def test_a_ringing_cymbal_is_no_texture() -> None:
    assert not is_texture(torch.tensor([0.05, 0.1, 0.2]), torch.tensor([2.5, 2.5, 2.5]))
    assert is_texture(torch.tensor([0.4, 0.5, 0.5]), torch.tensor([3.0, 9.0, 60.0]))
