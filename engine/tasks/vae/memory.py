"""Does the model repeat what it was given? How near its sounds come to the training sounds, against held-out ones.

Letters: M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.audio.mel import ACTIVE_DB
from engine.audio.nearest import Nearest, nearest_window

MOST_PIECES = 20
COPYING_RATIO = 0.8
_MANY_FRAMES = 10_000


@dataclass(frozen=True)
class Memorisation:
    """made_db, held_out_db: median distances to the nearest training window. closest: of everything made, the piece
    nearest to a training sound, so that both can be heard side by side."""

    made_db: float
    held_out_db: float
    closest: Nearest

    @property
    def ratio(self) -> float:
        """1: as far from the training sounds as new sounds are. 0: copies."""
        return self.made_db / max(self.held_out_db, 1e-6)

    @property
    def copies(self) -> bool:
        return self.ratio < COPYING_RATIO


def nearest_pieces(sound: torch.Tensor, train: Sequence[torch.Tensor], frames: int) -> list[Nearest]:
    """For every ``frames`` frames of a sound [M, F] the nearest window of the training sounds, shifts allowed."""
    stride = 1 if sum(item.shape[1] for item in train) < _MANY_FRAMES else 3
    return [nearest_window(piece, train, stride) for piece in torch.split(sound, frames, dim=1)]


def measure_memorisation(
    made: Sequence[torch.Tensor], held_out: Sequence[torch.Tensor], train: Sequence[torch.Tensor], frames: int
) -> Memorisation:
    """All sounds [M, F_n] in dB relative to their own maximum (:func:`engine.audio.nearest.relative_db`).

    made: samples or reconstructions. frames: length of the pieces compared. At most 20 sounds of each side count.
    """
    ours = [near for sound in _spread(made) for near in nearest_pieces(_heard(sound), train, frames)]
    theirs = [near for sound in _spread(held_out) for near in nearest_pieces(_heard(sound), train, frames)]
    return Memorisation(
        float(np.median([near.distance_db for near in ours])),
        float(np.median([near.distance_db for near in theirs])),
        min(ours, key=lambda near: near.distance_db),
    )


def _heard(sound: torch.Tensor) -> torch.Tensor:
    """A sound without the end in which nothing is active: a piece of silence is near to everything."""
    active = (sound > -ACTIVE_DB).any(0).nonzero()
    return sound[:, : int(active[-1]) + 1] if len(active) else sound


def _spread(sounds: Sequence[torch.Tensor]) -> list[torch.Tensor]:
    places = np.linspace(0, len(sounds) - 1, min(len(sounds), MOST_PIECES)).round().astype(int)
    return [sounds[place] for place in places]
