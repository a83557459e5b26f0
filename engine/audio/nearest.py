"""How near a sound comes to the nearest piece of other sounds, whatever the shift in time and the gain.

Letters: M mel bands, F frames, W windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.audio.mel import ACTIVE_DB, RANGE_DB

LEAD_IN_FRAMES = 10
CANDIDATES = 8
_COARSE_BINS = 512
_GAINS_DB = torch.arange(-12.0, 12.5, 0.5)


@dataclass(frozen=True)
class Nearest:
    """distance_db: mean absolute error over active bins. sound, frame: where the window begins; gain_db raises it."""

    distance_db: float
    sound: int
    frame: int
    gain_db: float
    window: torch.Tensor


def relative_db(db: torch.Tensor) -> torch.Tensor:
    """Mel power in dB [M, F] relative to its own maximum, floored at -80."""
    return (db - db.max()).clamp_min(-RANGE_DB)


def nearest_window(sound: torch.Tensor, others: Sequence[torch.Tensor], stride: int = 1) -> Nearest:
    """The window of ``others`` (each [M, F_n]) that is most like ``sound`` [M, F], all from :func:`relative_db`.

    Windows may begin up to ten frames before a sound and reach past its end: silence there. Active bins are those of
    ``sound`` above -60 dB. stride: frames from one window to the next. ``others`` must not be empty.
    """
    active = (sound > -ACTIVE_DB).flatten().nonzero()[:, 0]
    if len(active) == 0:
        return Nearest(0.0, 0, 0, 0.0, torch.full_like(sound, -RANGE_DB))
    coarse = active[:: max(1, len(active) // _COARSE_BINS)]
    found = [_search(sound, windows(other, sound.shape[1], stride), coarse) for other in others]
    ranked = sorted(
        (float(error), number, int(place))
        for number, (errors, places) in enumerate(found)
        for error, place in zip(errors, places, strict=True)
    )
    best = [
        _refine(sound, windows(others[number], sound.shape[1], stride)[place], active, number, place, stride)
        for _, number, place in ranked[:CANDIDATES]
    ]
    return min(best, key=lambda item: item.distance_db)


def nearest_of(sound: torch.Tensor, candidates: torch.Tensor) -> list[tuple[float, int]]:
    """The distances in dB of ``sound`` [M, F] to the nearest of ``candidates`` [W, M, F] and which they are, the least
    first; at most eight. Both relative to their own maxima."""
    active = (sound > -ACTIVE_DB).flatten().nonzero()[:, 0]
    if len(active) == 0:
        return [(0.0, 0)]
    _, places = _search(sound, candidates, active[:: max(1, len(active) // _COARSE_BINS)])
    return sorted(
        (_refine(sound, candidates[place], active, 0, place, 1).distance_db, place) for place in places.tolist()
    )


def windows(sound: torch.Tensor, frames: int, stride: int) -> torch.Tensor:
    """[W, M, frames]: every ``stride``-th window of ``sound`` [M, F], silence around it. A view."""
    padded = torch.nn.functional.pad(sound, (LEAD_IN_FRAMES, max(0, frames - 1)), value=-RANGE_DB)
    return padded.unfold(1, frames, stride).movedim(1, 0)


def _search(sound: torch.Tensor, candidates: torch.Tensor, bins: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least errors of ``candidates`` over ``bins`` at a rough gain, and their places."""
    target = sound.flatten()[bins]
    rows, columns = bins // sound.shape[1], bins % sound.shape[1]
    picked = candidates[:, rows, columns]  # [W, bins]
    gain = (target - picked).median(1, keepdim=True).values.clamp(-12, 12)
    errors = ((picked + gain).clamp_min(-RANGE_DB) - target).abs().mean(1)
    least = errors.topk(min(CANDIDATES, len(errors)), largest=False)
    return least.values, least.indices


def _refine(
    sound: torch.Tensor, window: torch.Tensor, active: torch.Tensor, number: int, place: int, stride: int
) -> Nearest:
    target, picked = sound.flatten()[active], window.flatten()[active]
    errors = ((picked + _GAINS_DB[:, None]).clamp_min(-RANGE_DB) - target).abs().mean(1)
    best = int(errors.argmin())
    gain = float(_GAINS_DB[best])
    raised = (window + gain).clamp_min(-RANGE_DB)
    return Nearest(float(errors[best]), number, place * stride - LEAD_IN_FRAMES, gain, raised)
