"""Priors: new codes of strokes and of textures."""

from __future__ import annotations

import pytest
import torch

from engine.tasks.vae.prior import (
    BURN_IN,
    OneShotPrior,
    TexturePrior,
    between,
    is_texture,
    load_prior,
    nearer,
    prior_state,
)


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


@pytest.mark.parametrize("count", [1, 2, 9])
def test_every_sound_has_as_many_places_that_lie_nearer_to_it_than_to_the_other(count: int) -> None:
    means = 10.0 ** torch.arange(float(count))[:, None]
    picks = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0))
    found, places = nearer(count, picks), between(means, picks)
    shares = torch.bincount(found, minlength=count) / len(picks)
    torch.testing.assert_close(shares, torch.full((count,), 1 / count), atol=0.02, rtol=0)
    first = (picks[:, 0] * count).long()
    middle = picks[:, 2] == 0.5
    to_first = (places - means[first]).abs()[:, 0] < (places - means[found]).abs()[:, 0]
    assert not (to_first & ~middle).any(), "its own first sound is nearer than the one that was named"


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
