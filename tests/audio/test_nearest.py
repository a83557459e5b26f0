"""The nearest of several pieces: tolerant of gains, and of nothing else."""

from __future__ import annotations

import torch

from engine.audio.nearest import nearest_of
from tests.bench.test_nearest_window import sound


def test_a_softer_copy_is_found_at_distance_zero_and_others_are_far_away() -> None:
    candidates = torch.stack([sound(seed) for seed in range(12)])
    found = nearest_of((candidates[7] - 4.0).clamp_min(-80), candidates)
    assert found[0][1] == 7 and found[0][0] < 0.1
    assert len(found) == 8 and found == sorted(found) and found[1][0] > 4


def test_silence_is_near_to_everything() -> None:
    assert nearest_of(torch.full((64, 60), -80.0), sound(1)[None]) == [(0.0, 0)]
