"""Variants of a chunk in its mel spectrogram."""

from __future__ import annotations

import numpy as np
import torch

from engine.audio import augment
from engine.audio.mel import power_to_db, to_power
from engine.audio.settings import SpectrogramConfig

CONFIG = SpectrogramConfig()
NEUTRAL = {
    "gain_db": torch.zeros(2),
    "pitch": torch.ones(2),
    "speed": torch.ones(2),
    "noise_db": torch.full((2,), -torch.inf),
    "colour_db": torch.zeros(2, augment.COLOUR_KNOTS),
    "mix_db": torch.full((2,), -torch.inf),
}


def varied(**draws: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    db = -60 + 30 * torch.rand(2, 128, 94, generator=torch.Generator().manual_seed(0))
    return db, augment.apply(db, NEUTRAL | draws, torch.ones(2, 128, 94), 0.0, CONFIG)


def test_neutral_draws_change_nothing() -> None:
    db, same = varied()
    assert torch.allclose(db, same, atol=1e-3)


def test_a_gain_is_an_offset() -> None:
    db, louder = varied(gain_db=torch.tensor([6.0, -3.0]))
    assert torch.allclose(louder - db, torch.tensor([6.0, -3.0])[:, None, None].expand_as(db), atol=1e-3)


def test_a_colour_is_a_smooth_curve_over_the_bands_and_one_for_all_frames() -> None:
    knots = torch.zeros(2, augment.COLOUR_KNOTS)
    knots[0, 0], knots[0, -1] = 6.0, -6.0
    db, coloured = varied(colour_db=knots)
    curve = (coloured - db)[0]
    assert torch.allclose(curve, curve[:, :1].expand_as(curve), atol=1e-3)
    assert abs(float(curve[0, 0]) - 6) < 1e-3 and abs(float(curve[-1, 0]) + 6) < 1e-3
    assert float(curve[:, 0].diff().abs().max()) < 1


def test_a_mix_adds_the_chunk_before_in_power() -> None:
    db, mixed = varied(mix_db=torch.tensor([-torch.inf, -10.0]))
    expected = power_to_db(to_power(db[0]) + to_power(db[1] - 10))
    assert torch.allclose(mixed[0], expected, atol=1e-3) and torch.allclose(mixed[1], db[1], atol=1e-3)


def test_noise_stays_under_what_can_be_heard() -> None:
    silence = torch.full((1, 128, 94), -120.0)
    draws = {name: value[:1] for name, value in NEUTRAL.items()} | {"noise_db": torch.tensor([augment.NOISE_DB[1]])}
    noisy = augment.apply(silence, draws, torch.ones(1, 128, 94), 0.0, CONFIG)
    assert float(noisy.max()) < -80


def test_without_strength_every_draw_is_neutral_and_draws_repeat() -> None:
    off = augment.draw(np.random.default_rng(1), 50, 0.0, 4.0)
    assert (off["gain_db"] == 0).all() and (off["pitch"] == 1).all() and (off["speed"] == 1).all()
    assert (off["colour_db"] == 0).all() and (off["noise_db"] == -torch.inf).all()
    assert (off["mix_db"] == -torch.inf).all()
    one, two = (augment.draw(np.random.default_rng(1), 50, 1.0, 4.0) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)
