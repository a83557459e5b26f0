"""The nearest window: tolerant of shifts and gains, and of nothing else."""

from __future__ import annotations

import torch

from engine.audio.nearest import relative_db
from tests.bench.nearest_window import nearest_window


def sound(seed: int, frames: int = 60) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    decay = -torch.linspace(0, 50, frames)
    return relative_db(decay + 8 * torch.randn(64, frames, generator=generator))


def test_a_shifted_and_softer_copy_is_found_at_distance_zero() -> None:
    others = [sound(1), sound(2), sound(3)]
    copy = (others[1][:, 7:47] - 4.0).clamp_min(-80)
    near = nearest_window(copy, others)
    assert (near.sound, near.frame, near.gain_db) == (1, 7, -4.0)
    assert near.distance_db < 0.1


def test_a_copy_that_begins_late_is_found_too() -> None:
    others = [sound(1), sound(2)]
    late = torch.nn.functional.pad(others[0], (6, 0), value=-80.0)[:, :50]
    near = nearest_window(late, others)
    assert (near.sound, near.frame) == (0, -6)
    assert near.distance_db == 0.0


def test_another_sound_is_far_away() -> None:
    assert nearest_window(sound(9), [sound(1), sound(2)]).distance_db > 4


def test_silence_is_near_to_everything() -> None:
    assert nearest_window(torch.full((64, 10), -80.0), [sound(1)]).distance_db == 0.0
