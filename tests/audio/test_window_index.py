"""The index of all windows of a collection."""

from __future__ import annotations

import pytest
import torch

from engine.audio.window_index import LEAD_IN_CELLS, WindowIndex

FLOOR_DB = -60.0
FRAMES = 94


def short_sounds(count: int) -> WindowIndex:
    """Of a few dozen frames each, so that most of what lies between them is silence."""
    generator = torch.Generator().manual_seed(0)
    index = WindowIndex(FRAMES, FLOOR_DB)
    for number in range(count):
        decay = torch.linspace(0, -50, 20 + number)
        index.add(decay + 6 * torch.randn(128, 20 + number, generator=generator), goes_on=False)
    return index


@pytest.mark.parametrize("level", [-30.0, 0.0, 40.0])
def test_a_flat_sound_that_silence_fits_best_is_still_placed_in_a_sound(level: float) -> None:
    flat = torch.full((128, FRAMES), level)
    places = short_sounds(40).search(flat, torch.ones(128, FRAMES, dtype=torch.bool), 16)
    assert len(places) == 16
    for place in places:
        assert -8 * (LEAD_IN_CELLS + 1) < place.frame < 20 + place.sound


def test_a_sound_without_anything_active_is_placed_somewhere() -> None:
    silent = torch.full((128, 8), FLOOR_DB)
    assert short_sounds(3).search(silent, torch.zeros(128, 8, dtype=torch.bool), 4)
