"""Of finished sounds: do they repeat what was learnt, by the exact search that the meter of a run is too quick for?

Letters: M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from engine.audio.mel import ACTIVE_DB
from engine.tasks.vae.copying import heard_part, spread
from tests.bench.nearest_window import Nearest, nearest_window

COPYING_RATIO = 0.8
MOST_PIECES = 20
_MANY_FRAMES = 10_000
_MUCH = 0.1


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
    stride = _stride(train)
    return [nearest_window(piece, train, stride) for piece in torch.split(sound, frames, dim=1)]


def _stride(train: Sequence[torch.Tensor]) -> int:
    return 1 if sum(item.shape[1] for item in train) < _MANY_FRAMES else 3


def _audible(sound: torch.Tensor, frames: int) -> list[torch.Tensor]:
    """Pieces of ``frames`` frames with much in them: next to nothing is near to everything."""
    pieces = torch.split(heard_part(sound), frames, dim=1)
    active = [int((piece > -ACTIVE_DB).sum()) for piece in pieces]
    return [piece for piece, bins in zip(pieces, active, strict=True) if bins > _MUCH * max(active)]


def measure_memorisation(
    made: Sequence[torch.Tensor], held_out: Sequence[torch.Tensor], train: Sequence[torch.Tensor], frames: int
) -> Memorisation:
    """All sounds [M, F_n] in dB relative to their own maximum (:func:`engine.audio.nearest.relative_db`).

    made: samples or reconstructions. frames: length of the pieces compared. At most 20 sounds of each side count.
    """
    stride = _stride(train)

    def near(side: Sequence[torch.Tensor]) -> list[Nearest]:
        pieces = [piece for sound in spread(side, MOST_PIECES) for piece in _audible(sound, frames)]
        return [nearest_window(piece, train, stride) for piece in pieces]

    ours, theirs = near(made), near(held_out)
    return Memorisation(_median(ours), _median(theirs), min(ours, key=lambda one: one.distance_db))


def _median(near: Sequence[Nearest]) -> float:
    return float(np.median([one.distance_db for one in near]))
