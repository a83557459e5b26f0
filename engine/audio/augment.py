"""Variants of a chunk, made in its mel spectrogram: batched, about a millisecond a second of sound.

A transform draws its parameters apart from applying them, so that a variant is a pure function of its draws. In
decibels a gain is an offset, exactly; a change of pitch moves the frequency axis and leaves time; a change of speed
moves the time axis and leaves pitch; noise adds in power; a colour is a smooth curve over the bands, as of another
microphone or room; a mix adds another chunk of the batch in power. Small collections also get sounds that nobody
recorded (:mod:`engine.audio.synthetic`), added or alone.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.audio import mel_scale
from engine.audio.mel import power_to_db, to_power
from engine.audio.settings import SpectrogramConfig

PROBABILITY = 0.5
GAIN_DB = 6.0
PITCH_SEMITONES = (0.5, 4.0)
PITCH_FILES = 56
SPEED = 0.03
COLOUR_DB = 6.0
COLOUR_KNOTS = 8
MIX_DB = (-20.0, 0.0)
NOISE_DB = (-100.0, -85.0)


def semitones(files: int) -> float:
    """How far pitch varies either way: the fewer files show what there is, the farther. 4 to 14 files, 0.5 from 112."""
    least, most = PITCH_SEMITONES
    return min(most, max(least, PITCH_FILES / files))


def draw(rng: np.random.Generator, count: int, strength: float, pitch_semitones: float) -> dict[str, torch.Tensor]:
    """Parameters for ``count`` chunks: gain_db, pitch (ratio), speed (ratio), noise_db relative to the loudest bin.

    colour_db [count, 8] is a curve's height at points evenly spaced over the bands; mix_db is the gain of the chunk
    that is added. Each is neutral with probability one half: 0 dB, 1, 1, minus infinity, 0 dB and minus infinity.
    ``strength`` scales their ranges.
    """
    use = rng.random((6, count)) < PROBABILITY
    uniform = rng.uniform(-1, 1, (4, count))
    low, high = NOISE_DB
    noise = low + (high - low) * (uniform[3] + 1) / 2
    values = {
        "gain_db": np.where(use[0], uniform[0] * GAIN_DB * strength, 0.0),
        "pitch": np.where(use[1], 2 ** (uniform[1] * pitch_semitones * strength / 12), 1.0),
        "speed": np.where(use[2], 1 + uniform[2] * SPEED * strength, 1.0),
        "noise_db": np.where(use[3] & (strength > 0), noise, -np.inf),
        "colour_db": use[4][:, None] * rng.uniform(-1, 1, (count, COLOUR_KNOTS)) * COLOUR_DB * strength,
        "mix_db": np.where(use[5] & (strength > 0), rng.uniform(*MIX_DB, count), -np.inf),
    }
    return {name: torch.from_numpy(value.astype(np.float32)) for name, value in values.items()}


def apply(
    db: torch.Tensor, draws: dict[str, torch.Tensor], noise: torch.Tensor, ref: float, config: SpectrogramConfig
) -> torch.Tensor:
    """Mel power in dB [B, M, F], varied.

    noise: [B, M, F] of independent exponential draws, the power of Gaussian noise. ref: dB of the loudest bin. draws
    may hold made_db [B, M, F] and alone [B] from :func:`engine.audio.synthetic.draw`.
    """
    power = to_power(_warp(db, draws["pitch"], draws["speed"], config))
    power = power + noise * to_power(ref + draws["noise_db"])[:, None, None]
    colour = torch.nn.functional.interpolate(
        draws["colour_db"][:, None], db.shape[1], mode="linear", align_corners=True
    )
    power = power * to_power(colour + draws["gain_db"][:, None, None]).mT
    power = power + (power * to_power(draws["mix_db"])[:, None, None]).roll(1, 0)
    if "made_db" in draws:
        power = torch.where(draws["alone"][:, None, None], 0.0, power) + to_power(ref + draws["made_db"])
    return power_to_db(power)


def _warp(db: torch.Tensor, pitch: torch.Tensor, speed: torch.Tensor, config: SpectrogramConfig) -> torch.Tensor:
    """Frequencies times ``pitch``, time divided by ``speed``, bilinear; both anchored at 0."""
    bands, frames = db.shape[1:]
    centres = mel_scale.centres(bands, config.f_min, config.top_hz, db.device)
    rows = mel_scale.rows(centres / pitch[:, None], bands, config.f_min, config.top_hz)  # [B, M]
    columns = torch.arange(frames, device=db.device) * speed[:, None]  # [B, F]
    return _between(_between(db.mT, columns).mT, rows)


def _between(values: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """values [B, R, K] at fractional ``places`` [B, R] along R, those outside at its ends. Whole rows are copied: half
    the time of ``grid_sample``."""
    batch, count, _ = values.shape
    places = places.clamp(0, count - 1)
    below = places.long().clamp_max(count - 2)
    rows = (below + count * torch.arange(batch, device=values.device)[:, None]).flatten()
    flat = values.reshape(batch * count, -1)
    part = (places - below).flatten()[:, None]
    return flat.index_select(0, rows).lerp(flat.index_select(0, rows + 1), part).view(values.shape)
