"""The test of new sounds against recordings, on sounds that are known to be alike or not."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.scoring import RATE
from tests.bench.two_sample import PARTS, described, tables, told_apart, told_from_itself, two_sample


def stroke(seed: int, decay_s: float = 0.1, hiss: float = 0.0) -> np.ndarray:
    """A stroke of its own level, decay and colour."""
    draws = np.random.default_rng(seed)
    moment = np.arange(RATE // 4) / RATE
    tone = np.sin(2 * np.pi * draws.uniform(200, 800) * moment) * np.exp(-moment / (decay_s * draws.uniform(0.7, 1.4)))
    return draws.uniform(0.3, 1) * (tone + hiss * draws.standard_normal(len(moment)))


def test_a_description_is_finite_and_knows_no_level() -> None:
    for wave in (stroke(0), np.zeros(RATE // 4), stroke(0)[: RATE // 50]):
        assert all(np.isfinite(part).all() for part in described(wave).values())
    one, other = described(stroke(3)), described(stroke(3) / 7)
    assert list(one) == list(PARTS)
    for part in PARTS:
        np.testing.assert_allclose(one[part], other[part], atol=1e-3)


@pytest.mark.slow
def test_hiss_is_told_from_silence_and_alike_sounds_are_not_told_apart() -> None:
    clean, alike = ([stroke(seed) for seed in seeds] for seeds in (range(10), range(10, 20)))
    found = two_sample([stroke(seed, hiss=0.02) for seed in range(20, 30)], clean)
    assert found["fine"] == 1.0
    assert found["all"] > 0.9 > 0.75 > found["real_against_real"]
    assert told_apart(tables(alike)["all"], tables(clean)["all"]) < 0.75


@pytest.mark.slow
def test_a_swell_is_found_by_its_own_part() -> None:
    back = np.concatenate([np.zeros(RATE // 8), np.hanning(RATE // 8)])
    swelling = [stroke(seed, 0.02) + 0.05 * back for seed in range(12, 24)]
    assert told_apart(tables(swelling)["swell"], tables([stroke(seed) for seed in range(12)])["swell"]) >= 0.9


def test_a_copy_is_never_learned_beside_its_own_original() -> None:
    """Features that only name the recording say nothing about copies; ungrouped folds would find each twin."""
    names = np.random.default_rng(0).standard_normal((20, 5))
    assert told_apart(names, names, np.tile(np.arange(20), 2)) <= 0.5


@pytest.mark.slow
def test_halves_of_one_lot_are_near_chance() -> None:
    assert 0.35 < told_from_itself(np.random.default_rng(1).standard_normal((20, 4))) < 0.7
