"""Draws are a pure function of seed, stream and counter."""

from __future__ import annotations

import numpy as np

from engine import rng


def test_equal_arguments_give_equal_draws() -> None:
    assert np.array_equal(rng.generator(1, "a", 2).random(8), rng.generator(1, "a", 2).random(8))


def test_draws_are_the_same_on_every_machine() -> None:
    assert rng.generator(42, "order", 1).integers(0, 2**31, 3).tolist() == [424206329, 584913570, 1495375731]


def test_neighbours_and_streams_never_collide() -> None:
    seen = {
        rng.generator(seed, stream, step, index).integers(2**63)
        for seed in (0, 1, 2, 2**32, 2**32 + 1)
        for stream in ("crop", "latent")
        for step in range(20)
        for index in range(20)
    }
    assert len(seen) == 5 * 2 * 20 * 20
