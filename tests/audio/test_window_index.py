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


def noise(frames: int, generator: torch.Generator) -> torch.Tensor:
    """Bands that rise and fall for themselves every few frames."""
    return torch.nn.functional.interpolate(
        20 * torch.randn(1, 32, frames // 16, generator=generator), (frames,), mode="linear"
    )[0].repeat_interleave(4, 0)


@pytest.mark.parametrize("frame", [40, 30_000, 79_000])
def test_a_window_is_found_wherever_in_a_long_sound_it_lies(frame: int) -> None:
    long = noise(80_000, torch.Generator().manual_seed(1))  # 10,000 cells: seven minutes at 5.3 ms a frame
    index = WindowIndex(FRAMES, FLOOR_DB)
    for number, piece in enumerate(long.split(1_600, dim=1)):
        index.add(piece, goes_on=number > 0)
    (place,) = index.search(long[:, frame : frame + FRAMES] - 9, torch.ones(128, FRAMES, dtype=torch.bool), 1)
    assert (place.sound, place.frame) == (0, frame)


def test_a_sound_is_found_whichever_of_a_thousand_it_is() -> None:
    generator = torch.Generator().manual_seed(2)
    sounds = [noise(96, generator) for _ in range(1_000)]
    index = WindowIndex(FRAMES, FLOOR_DB)
    for sound in sounds:
        index.add(sound, goes_on=False)
    for number in (0, 255, 256, 299, 999):
        (place,) = index.search(sounds[number][:, :FRAMES], torch.ones(128, FRAMES, dtype=torch.bool), 1)
        assert (place.sound, place.frame) == (number, 0)
