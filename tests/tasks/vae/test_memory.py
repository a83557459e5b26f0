"""The memorisation meter."""

from __future__ import annotations

import torch

from engine.audio.nearest import relative_db
from engine.tasks.vae.memory import MemoryMeter, MemoryReading, measure_memorisation


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


def test_the_meter_of_a_run_tells_repetition_and_names_the_file() -> None:
    train, held_out = torch.stack(sounds(1, 4)), torch.stack(sounds(2, 3))
    meter = MemoryMeter(train, held_out, ["a.wav", "b.wav", "c.wav", "d.wav"])
    later = torch.nn.functional.pad(train[2:3] - 6.0, (6, 0), value=-120.0)[..., :50]
    repeated = meter.read(later.expand(6, -1, -1), held_out)
    assert repeated.repeats and repeated.file == "c.wav" and repeated.file_db < 1.0
    assert repeated.copies_db == repeated.held_out_db
    fresh = meter.read(torch.stack(sounds(3, 6)), held_out)
    assert not fresh.repeats and 0.9 < fresh.ratio < 1.1
    assert MemoryReading.from_state(fresh.state()) == fresh


def test_silence_between_two_sounds_is_no_copy_of_anything() -> None:
    one, other = sounds(3, 2)
    gap = torch.full((32, 188), -80.0)
    found = measure_memorisation([torch.cat([one, gap, other], dim=1)], sounds(2, 3), sounds(1, 4), 94)
    assert found.closest.distance_db > 1 and not found.copies
