"""A sound of any length as one row of numbers: statistics of its mel spectrogram. Letters: M bands, F frames.

The spectrum of each frame is turned into cepstra, the cosine transform over its bands (S. Davis and P. Mermelstein,
1980): the first coefficients are its level and broad shape. They are averaged over quarters of the sounding part, so
that what begins bright and ends dull differs from the reverse; beside that how much and how fast they move.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray

from engine.audio.mel import RANGE_DB, AudioSpectrogram
from engine.tasks.mlp.labels import CEPSTRA, PARTS

SOUNDING_DB = 40.0
PIECE_S = 30.0


@torch.inference_mode()
def features_of(wave: torch.Tensor, transform: AudioSpectrogram) -> NDArray[np.float64]:
    """float64 [len(FEATURE_NAMES)] of a wave [T] of peak 1, which may be of any length from one frame."""
    config = transform.config
    piece = round(PIECE_S * config.sample_rate)
    # Pieces, so that an hour of sound needs no hour of spectra in memory at once; their seams weigh nothing.
    db = torch.cat([transform(part[None])[0] for part in torch.split(wave, piece)], dim=1)
    db = db.clamp_min(float(db.max()) - RANGE_DB)
    level = db.max(dim=0).values
    sounding = torch.nonzero(level > level.max() - SOUNDING_DB)[:, 0]
    first, last = int(sounding[0]), int(sounding[-1]) + 1
    cepstra = _cosines(config.n_mels) @ db[:, first:last]
    parts = [part.mean(1) for part in torch.tensor_split(_at_least(cepstra, PARTS), PARTS, dim=1)]
    spread = cepstra.std(1, correction=0)
    movement = _at_least(cepstra, 2).diff(dim=1).abs().mean(1)
    length = torch.tensor([math.log((last - first) * config.hop_length / config.sample_rate)])
    return torch.cat([*parts, spread, movement, length]).double().numpy()


def _at_least(cepstra: torch.Tensor, frames: int) -> torch.Tensor:
    """[CEPSTRA, F] with its frames repeated until there are ``frames``."""
    return cepstra.repeat_interleave(math.ceil(frames / cepstra.shape[1]), dim=1)


def _cosines(bands: int) -> torch.Tensor:
    """[CEPSTRA, M] rows of an orthonormal cosine transform, scaled so that the first gives a mean."""
    places = (torch.arange(bands) + 0.5) * math.pi / bands
    return torch.cos(torch.arange(CEPSTRA)[:, None] * places[None, :]) / bands
