"""The nearest window of whole sounds, whatever the shift in time and the gain: every place is looked at.

Letters: M mel bands, F frames, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.audio.mel import RANGE_DB
from engine.audio.nearest import CANDIDATES, active_bins, at_best_gain, likeliest

LEAD_IN_FRAMES = 10


@dataclass(frozen=True)
class Nearest:
    """distance_db: mean absolute error over active bins. sound, frame: where the window begins; gain_db raises it."""

    distance_db: float
    sound: int
    frame: int
    gain_db: float
    window: torch.Tensor


def nearest_window(sound: torch.Tensor, others: Sequence[torch.Tensor], stride: int = 1) -> Nearest:
    """The window of ``others`` (each [M, F_n]) that is most like ``sound`` [M, F], all from ``relative_db``.

    Windows may begin up to ten frames before a sound and reach past its end: silence there. Active bins are those of
    ``sound`` above -60 dB. stride: frames from one window to the next. ``others`` must not be empty.
    """
    active = active_bins(sound)
    if len(active) == 0:
        return Nearest(0.0, 0, 0, 0.0, torch.full_like(sound, -RANGE_DB))
    found = [likeliest(sound, windows(other, sound.shape[1], stride), active) for other in others]
    ranked = sorted(
        (float(error), number, int(place))
        for number, (errors, places) in enumerate(found)
        for error, place in zip(errors, places, strict=True)
    )
    best = [_raised(sound, others[number], active, number, place, stride) for _, number, place in ranked[:CANDIDATES]]
    return min(best, key=lambda item: item.distance_db)


def windows(sound: torch.Tensor, frames: int, stride: int) -> torch.Tensor:
    """[W, M, frames]: every ``stride``-th window of ``sound`` [M, F], silence around it. A view."""
    padded = torch.nn.functional.pad(sound, (LEAD_IN_FRAMES, max(0, frames - 1)), value=-RANGE_DB)
    return padded.unfold(1, frames, stride).movedim(1, 0)


def _raised(
    sound: torch.Tensor, other: torch.Tensor, active: torch.Tensor, number: int, place: int, stride: int
) -> Nearest:
    window = windows(other, sound.shape[1], stride)[place]
    distance, gain = at_best_gain(sound, window, active)
    return Nearest(distance, number, place * stride - LEAD_IN_FRAMES, gain, (window + gain).clamp_min(-RANGE_DB))
