"""The memorisation meter."""

from __future__ import annotations

import torch

from engine.audio.nearest import relative_db
from engine.tasks.vae.memory import measure_memorisation


def sounds(seed: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        relative_db(-torch.linspace(0, 40, 50) + 6 * torch.randn(32, 50, generator=generator)) for _ in range(count)
    ]


def test_copies_are_called_copies_and_name_what_they_copy() -> None:
    train, held_out = sounds(1, 4), sounds(2, 3)
    shifted = [torch.nn.functional.pad(train[2], (5, 0), value=-80.0)[:, :50]]
    found = measure_memorisation(shifted, held_out, train, 94)
    assert found.copies and found.ratio < 0.1
    assert (found.closest.sound, found.closest.frame) == (2, -5)


def test_sounds_as_new_as_held_out_ones_are_no_copies() -> None:
    found = measure_memorisation(sounds(3, 3), sounds(2, 3), sounds(1, 4), 94)
    assert not found.copies and 0.9 < found.ratio < 1.1
