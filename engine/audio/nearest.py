"""How near a sound comes to the nearest of other pieces of sound, whatever the gain.

Letters: M mel bands, F frames, W windows, N bins.
"""

from __future__ import annotations

import torch

from engine.audio.mel import ACTIVE_DB, RANGE_DB

CANDIDATES = 8
_COARSE_BINS = 512
_GAINS_DB = torch.arange(-12.0, 12.5, 0.5)


def relative_db(db: torch.Tensor) -> torch.Tensor:
    """Mel power in dB [M, F] relative to its own maximum, floored at -80."""
    return (db - db.max()).clamp_min(-RANGE_DB)


def nearest_of(sound: torch.Tensor, candidates: torch.Tensor) -> list[tuple[float, int]]:
    """The distances in dB of ``sound`` [M, F] to the nearest of ``candidates`` [W, M, F] and which they are, the least
    first; at most eight. Both relative to their own maxima."""
    active = active_bins(sound)
    if len(active) == 0:
        return [(0.0, 0)]
    _, places = likeliest(sound, candidates, active)
    return sorted((at_best_gain(sound, candidates[place], active)[0], place) for place in places.tolist())


def active_bins(sound: torch.Tensor) -> torch.Tensor:
    """int64 [N]: which of the bins of ``sound`` [M, F], laid in a row, lie above -60 dB."""
    return (sound > -ACTIVE_DB).flatten().nonzero()[:, 0]


def likeliest(sound: torch.Tensor, candidates: torch.Tensor, active: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The least errors in dB of ``candidates`` [W, M, F] at a rough gain, over some of the ``active`` bins, and their
    places; at most eight."""
    bins = active[:: max(1, len(active) // _COARSE_BINS)]
    target = sound.flatten()[bins]
    rows, columns = bins // sound.shape[1], bins % sound.shape[1]
    picked = candidates[:, rows, columns]  # [W, bins]
    gain = (target - picked).median(1, keepdim=True).values.clamp(-12, 12)
    errors = ((picked + gain).clamp_min(-RANGE_DB) - target).abs().mean(1)
    least = errors.topk(min(CANDIDATES, len(errors)), largest=False)
    return least.values, least.indices


def at_best_gain(sound: torch.Tensor, window: torch.Tensor, active: torch.Tensor) -> tuple[float, float]:
    """The mean absolute error in dB of ``window`` [M, F] over the ``active`` bins, and the gain in dB that makes it
    least."""
    target, picked = sound.flatten()[active], window.flatten()[active]
    errors = ((picked + _GAINS_DB[:, None]).clamp_min(-RANGE_DB) - target).abs().mean(1)
    best = int(errors.argmin())
    return float(errors[best]), float(_GAINS_DB[best])
