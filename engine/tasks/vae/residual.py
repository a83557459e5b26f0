"""What a decoder leaves out of a recording, so that new sounds can have it too.

A decoder answers with a mean. What the recordings have beyond it is, as far as it was measured, of two kinds: the grain
of any spectrogram of noise, with that grain's memory from frame to frame and from band to band, nearly as strong as in
white noise where no line stands out; and a colour that stays from a sound's beginning to its end. Where recordings
begin at once, a mean of crops that do and crops that do not begins softly: by how much is the same in most of them. And
a spectrogram ends 80 dB below the loudest, where recordings hiss on.

Letters: B batch, K sounds, N chunks, M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch.nn.functional import avg_pool1d, pad

from engine import rng
from engine.audio.mel import SILENCE_DB, AudioSpectrogram, power_to_db, to_power
from engine.audio.settings import SpectrogramConfig

MOST_GRAIN = 1.5
STEADY_FRAMES = 4
ONSET_FRAMES = 8
_STEADY_PART = 3
_MEASURED_FRAMES = 2000
_SMOOTH_BANDS = 5
_NEAR_BANDS = 3
SOUNDING_DB = 6.0  # above the floor
_ALIKE_BANDS = 4.0
_OWN_VARIANCE = 0.05


@dataclass(frozen=True)
class Residual:
    """grain [M]: how much a residual moves from frame to frame, 1: as white noise. level [M]: of that noise in dB.

    colours [K, M]: mean residuals of the training sounds in dB, such that their sums with standard normal weights have
    the recorded second moment, about the decoder's answer: their own mean is mostly chance (docs/model.md). onset [8]:
    by how many dB the first frames of a recording are louder than the decoder's. hiss [M]: amplitude, beside white
    noise of deviation 1, of what recordings have below the floor while they sound.
    """

    grain: torch.Tensor
    level: torch.Tensor
    colours: torch.Tensor
    onset: torch.Tensor
    hiss: torch.Tensor

    @classmethod
    def measure(
        cls,
        db: torch.Tensor,
        decoded: torch.Tensor,
        active: torch.Tensor,
        sounds: torch.Tensor,
        first: torch.Tensor,
        transform: AudioSpectrogram,
        floor: float,
    ) -> Residual:
        """From chunks in dB [N, M, F] and what the decoder makes of them, where ``active``.

        sounds [N]: whose chunk each is. first [N]: whether it is that sound's beginning. floor: below it, in dB, the
        decoder knows nothing.
        """
        hiss_db, db = _hiss(db, floor), db.clamp_min(floor)
        left = db - decoded
        noise = _measured_noise(transform.config, transform.window.device)
        pairs = active[..., 1:] & active[..., :-1]
        moved = torch.where(pairs, left.diff(dim=-1).abs(), 0.0).sum((0, 2)) / pairs.sum((0, 2)).clamp_min(1)
        grain = _smooth(moved / noise.diff(dim=-1).abs().mean(1), _SMOOTH_BANDS).clamp_max(MOST_GRAIN)
        level = noise.mean(1)
        hiss = to_power((hiss_db - level) / 2)
        return cls(grain, level, _colours(left, active, sounds), _onset(db[first], decoded[first]), hiss)

    def struck(self, db: torch.Tensor) -> torch.Tensor:
        """``db`` [B, M, F] of one-shots, whose sounds begin at once, with first frames as loud as recordings have."""
        frames = min(ONSET_FRAMES, db.shape[-1])
        return db + pad(self.onset[:frames], (0, db.shape[-1] - frames)).to(db)

    def shades(self) -> torch.Tensor:
        """[M, M]: what the colour of a given sound is made of. With standard normal weights their sums have the
        recorded second moment of bands that are near one another.

        A few sounds seem to say how distant bands go together, and know it not: that moment is made to fade over
        four bands (localisation, Houtekamer and Mitchell 2001). So any colour can be said.
        """
        bands = torch.arange(self.colours.shape[1], device=self.colours.device)
        near = torch.exp(-0.5 * ((bands[:, None] - bands) / _ALIKE_BANDS).square())
        moment = near * (self.colours.T @ self.colours)
        found: torch.Tensor = torch.linalg.cholesky(moment + _OWN_VARIANCE * torch.eye(len(bands)).to(near)).T
        return found

    def draw(self, db: torch.Tensor, transform: AudioSpectrogram, generator: np.random.Generator) -> torch.Tensor:
        """A residual in dB [B, M, F] for pictures ``db`` of that shape. A longer picture's begins like a shorter one's.

        A band that makes up most of its frame's power is a line rather than noise: it gets as much less of the grain.
        """
        weights = generator.standard_normal((len(db), len(self.colours)), dtype=np.float32)
        noise = white_noise_db(generator, len(db), db.shape[-1], transform) - self.level[:, None]
        power = to_power(db)
        near = _NEAR_BANDS * _smooth(power.transpose(1, 2), _NEAR_BANDS, "constant").transpose(1, 2)
        noisy = 1 - (near / power.sum(1, keepdim=True)).clamp(max=1)
        return self.grain[:, None] * noisy * noise + (torch.from_numpy(weights) @ self.colours)[..., None]

    def state_dict(self) -> dict[str, torch.Tensor]:
        return asdict(self)

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> Residual:
        """Take back what :meth:`state_dict` gave; ``ValueError`` when its shapes contradict one another."""
        found = cls(*(state[name].float() for name in ("grain", "level", "colours", "onset", "hiss")))
        shapes = [tuple(part.shape) for part in asdict(found).values()]
        if {shapes[1], shapes[2][1:], shapes[4]} != {shapes[0]} or shapes[3] != (ONSET_FRAMES,):
            raise ValueError(f"a residual of shapes {shapes}")
        return found


def coloured(db: torch.Tensor, colour: torch.Tensor, floor: float) -> torch.Tensor:
    """``db`` [..., M, F] with a ``colour`` [M] in dB, where there is sound: more than 6 dB above the ``floor``."""
    return torch.where(db > floor + SOUNDING_DB, db + colour[:, None], db)


def white_noise_db(
    generator: np.random.Generator, count: int, frames: int, transform: AudioSpectrogram
) -> torch.Tensor:
    """Mel power in dB [count, M, frames] of white noise, on the CPU."""
    samples = transform.config.n_fft + (frames - 1) * transform.config.hop_length
    wave = torch.from_numpy(generator.standard_normal((count, samples), dtype=np.float32))
    db: torch.Tensor = transform(wave.to(transform.window.device), padded=True).cpu()
    return db


@lru_cache(maxsize=1)  # the same for all weights of a run: a sixth of what fitting to them takes
def _measured_noise(config: SpectrogramConfig, device: torch.device) -> torch.Tensor:
    """White noise to compare with, in dB [M, 2000]."""
    return white_noise_db(rng.generator(0, "grain"), 1, _MEASURED_FRAMES, AudioSpectrogram(config).to(device))[0]


def _colours(left: torch.Tensor, active: torch.Tensor, sounds: torch.Tensor) -> torch.Tensor:
    """[K, M]: the mean residual of each sound in each band where it sounds for four frames or more, else 0."""
    names, place = torch.unique(sounds, return_inverse=True)
    shape = (len(names), left.shape[1])
    total = left.new_zeros(shape).index_add_(0, place, torch.where(active, left, 0.0).sum(2))
    count = left.new_zeros(shape).index_add_(0, place, active.sum(2).to(left))
    heard = count >= STEADY_FRAMES
    means = torch.where(heard, total / count.clamp_min(1), 0.0)
    return means / heard.sum(0).clamp_min(1).sqrt()


def _hiss(db: torch.Tensor, floor: float) -> torch.Tensor:
    """[M]: mean of what lies below ``floor`` in chunks in dB [N, M, F] while something sounds; silence where a band is
    seen there for less than four frames."""
    below = (db <= floor) & (db > SILENCE_DB) & (db.amax(1, keepdim=True) > floor + SOUNDING_DB)
    count = below.sum((0, 2))
    means = torch.where(below, db, 0.0).sum((0, 2)) / count.clamp_min(1)
    return torch.where(count >= STEADY_FRAMES, means, SILENCE_DB)


def _onset(db: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
    """[8]: median over beginnings [N, M, F] of how much louder a frame is than ``decoded``, the last three at 0 dB."""
    frames = min(ONSET_FRAMES, db.shape[-1])
    levels = [power_to_db(to_power(part[..., :frames]).sum(1)) for part in (db, decoded)]
    if not len(db) or frames < ONSET_FRAMES:
        return torch.zeros(ONSET_FRAMES)
    softer = (levels[0] - levels[1]).median(0).values
    return softer - softer[-_STEADY_PART:].mean()


def _smooth(values: torch.Tensor, width: int, edge: str = "replicate") -> torch.Tensor:
    """Means of ``values`` [..., M] over ``width`` neighbours."""
    rows = values.reshape(-1, 1, values.shape[-1])
    return avg_pool1d(pad(rows, (width // 2, width // 2), mode=edge), width, 1).view(values.shape)
