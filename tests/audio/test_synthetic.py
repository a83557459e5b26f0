"""Sounds that nobody recorded."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engine.audio import augment, synthetic
from engine.audio.settings import SpectrogramConfig
from tests.audio.test_augment import NEUTRAL

SHAPE = (64, 128, 94)


@pytest.mark.parametrize(("files", "share"), [(3, 0.25), (7, 0.25), (14, 0.0), (500, 0.0)])
def test_only_small_collections_get_them(files: int, share: float) -> None:
    assert synthetic.share(files) == share
    assert synthetic.share(8) > synthetic.share(12) > 0


def test_the_fewer_the_files_the_farther_the_pitch_moves() -> None:
    assert [augment.semitones(files) for files in (5, 14, 28, 112, 500)] == [4.0, 4.0, 2.0, 0.5, 0.5]


def test_a_part_of_the_chunks_sounds_and_the_rest_is_silence() -> None:
    made, alone = synthetic.draw(np.random.default_rng(0), *SHAPE, 0.25)
    sounding = made.max((1, 2)) > synthetic.SILENCE_DB
    assert 6 <= sounding.sum() <= 26 and not alone[~sounding].any() and alone.any()
    assert made[sounding].max((1, 2)).min() > -60, "one that cannot be heard teaches nothing"
    again, _ = synthetic.draw(np.random.default_rng(0), *SHAPE, 0.25)
    assert np.array_equal(made, again)


def test_they_are_added_or_stand_alone() -> None:
    db = torch.full((2, 128, 94), -30.0)
    made = torch.full((2, 128, 94), synthetic.SILENCE_DB)
    made[:, 40] = -10.0
    draws = NEUTRAL | {"made_db": made, "alone": torch.tensor([False, True])}
    varied = augment.apply(db, draws, torch.ones(2, 128, 94), 0.0, SpectrogramConfig())
    assert varied[:, 40].min() > -10.1
    assert torch.allclose(varied[0, 60], db[0, 60], atol=1e-3) and varied[1, 60].max() < -100
