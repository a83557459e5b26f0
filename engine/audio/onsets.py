"""Where sounds begin, read from the level of a picture fine in time, and silence kept before it.

Letters: B batch, S sub-frames (``hop`` samples apart, windows of ``n_fft`` samples), T = hop (S - 1) samples.
"""

from __future__ import annotations

from functools import lru_cache

import torch
from torch.nn.functional import interpolate, max_pool1d, pad

LEAST, MOST = 0.03, 0.3
FROM_DB, TO_DB = 6.0, 20.0
AHEAD = 8
CLEAR_DB = 20.0
EARLIEST, LATEST = 0.1, 0.6
FADE, EARLY = 24, 72
_RANGE = 1e-7


def level_db(power: torch.Tensor, loudest: torch.Tensor) -> torch.Tensor:
    """Level [B, S] of a picture [B, S, M] in dB, floored 70 below ``loudest`` [B, 1]."""
    return 10 * torch.log10(torch.maximum(power.sum(2), loudest * _RANGE).clamp_min(1e-20))


def before_rise(level: torch.Tensor) -> torch.Tensor:
    """[B, S], 0 to 1: how far a level in dB lies below what follows within a long window: 6 dB give 0, 20 give 1.

    There the long window hears the attack already, and its picture says nothing of the silence before it.
    """
    following = max_pool1d(pad(level[:, None], (0, AHEAD), mode="replicate"), AHEAD + 1, 1)[:, 0]
    return ((following - level - FROM_DB) / (TO_DB - FROM_DB)).clamp(0, 1)


def fine_weight(level: torch.Tensor, hop: int) -> torch.Tensor:
    """[B, T]: how much the second picture has to say: 0.03, and before a rise up to 0.3."""
    near = pad(before_rise(level)[:, None], (1, 1), mode="replicate")
    smooth = torch.nn.functional.avg_pool1d(near, 3, 1)[:, 0]
    return LEAST + (MOST - LEAST) * _by_sample(smooth, hop)


def quiet_before_onsets(
    wave: torch.Tensor, level: torch.Tensor, own: torch.Tensor, n_fft: int, hop: int
) -> torch.Tensor:
    """``wave`` [B, T] no louder before each rise than it should be.

    level, own: what its level [B, S] should be, and is. Between sub-frames the gain is a straight line in dB; before a
    clear onset (20 dB) the silence lasts up to the sample at which the window's level says that the sound set in.
    """
    gains = (level - own).clamp(max=0) * before_rise(level)
    by_sample = _by_sample(gains, hop)
    for item, sub_frame, onset in clear_onsets(level, n_fft, hop):
        hold(by_sample[item], gains[item, sub_frame - 2], hop * (sub_frame - 2), onset)
    return wave * torch.pow(10.0, by_sample / 20)


def clear_onsets(level: torch.Tensor, n_fft: int, hop: int) -> list[tuple[int, int, int]]:
    """(item, sub-frame, sample) of every rise by 20 dB or more within four sub-frames.

    The sub-frame is the one whose window the sound enters at a tenth to six tenths of its second half; how far its
    level lies below what follows says where.
    """
    curve = entered_db(n_fft)
    below = level[:, 2:-2] - torch.maximum(level[:, 3:-1], level[:, 4:])
    rise = torch.maximum(level[:, 3:-1], level[:, 4:]) - level[:, :-4]
    half = n_fft // 2
    inside = (below < curve[half + round(EARLIEST * half)]) & (below >= curve[half + round(LATEST * half)])
    found = (inside & (rise > CLEAR_DB)).nonzero().tolist()
    entered = torch.searchsorted(-curve, -below.cpu().contiguous()).tolist()
    return [(item, place + 2, hop * (place + 2) + entered[item][place] - half - EARLY) for item, place in found]


@lru_cache(maxsize=8)
def entered_db(n_fft: int) -> torch.Tensor:
    """[n_fft + 1]: level of a Hann window when a steady sound begins so many samples after the window, 0 to -inf."""
    energy = torch.cos(torch.pi / 2 * torch.linspace(-1, 1, n_fft + 1)) ** 4
    left = energy.flip(0).cumsum(0).flip(0) / energy.sum()
    return 10 * torch.log10(left.clamp_min(1e-12))


def hold(gain: torch.Tensor, low: torch.Tensor, start: int, onset: int) -> None:
    """Keep ``gain`` [T] in dB at ``low`` or less from sample ``start`` on, and let it rise over 0.5 ms to ``onset``."""
    start, onset = max(0, start), min(onset, len(gain))
    risen = max(start, onset - FADE)
    gain[start:risen] = gain[start:risen].clamp(max=float(low))
    rise = 0.5 + 0.5 * torch.cos(torch.pi * torch.arange(max(0, onset - risen), device=gain.device) / FADE)
    gain[risen:onset] = torch.minimum(gain[risen:onset], low * rise)


def _by_sample(values: torch.Tensor, hop: int) -> torch.Tensor:
    """[B, S] to [B, T] by straight lines."""
    size = hop * (values.shape[1] - 1)
    return interpolate(values[:, None], size=size, mode="linear", align_corners=True)[:, 0]
