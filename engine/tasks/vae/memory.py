"""Does the model repeat what it was given? How near its sounds come to the training sounds, against held-out ones.

Letters: M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from engine.audio.mel import ACTIVE_DB
from engine.audio.nearest import Nearest, nearest_window, relative_db

MOST_PIECES = 20
COPYING_RATIO = 0.8
_METER_PIECES = 6
_METER_STRIDE = 2
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


@dataclass(frozen=True)
class MemoryReading:
    """What the meter of a run said last. Distances in dB are medians; ``file`` is the training sound that came nearest
    to any new sound, ``file_db`` how near.

    samples_db, copies_db: of new sounds, and of copies of held-out sounds. held_out_db: of held-out sounds themselves.
    """

    samples_db: float
    copies_db: float
    held_out_db: float
    file: str
    file_db: float

    @property
    def ratio(self) -> float:
        """1: new sounds are as far from what was learnt as unheard sounds are. 0: repetition."""
        return self.samples_db / max(self.held_out_db, 1e-6)

    @property
    def repeats(self) -> bool:
        return self.ratio < COPYING_RATIO

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> MemoryReading:
        samples, copies, held_out, near = (
            float(state[name]) for name in ("samples_db", "copies_db", "held_out_db", "file_db")
        )
        return cls(samples, copies, held_out, str(state["file"]), near)


class MemoryMeter:
    """Compares a few pieces of what a model makes with every training chunk, at any shift and gain.

    train, held_out: chunks in dB [N, M, F]. names: the file of each training chunk. Six pieces of a kind, every second
    shift: 0.2 to 2 s a reading, by the number of chunks.
    """

    def __init__(self, train: torch.Tensor, held_out: torch.Tensor, names: Sequence[str]) -> None:
        self._train = [relative_db(chunk) for chunk in train]
        self.places = _places(len(held_out), _METER_PIECES)
        self.held_out = [relative_db(chunk) for chunk in held_out[self.places]]
        self._names = list(names)
        self._held_out_db = _median(self._nearest(self.held_out))

    def read(self, samples: torch.Tensor, copies: torch.Tensor) -> MemoryReading:
        """samples, copies: new sounds and copies of ``held_out``'s places, in dB [K, M, F], F at least a chunk's."""
        near = self._nearest([relative_db(db) for db in _spread(list(samples), _METER_PIECES)])
        closest = min(near, key=lambda item: item.distance_db)
        return MemoryReading(
            _median(near),
            _median(self._nearest([relative_db(db) for db in copies])),
            self._held_out_db,
            self._names[closest.sound],
            closest.distance_db,
        )

    def _nearest(self, sounds: Sequence[torch.Tensor]) -> list[Nearest]:
        return [nearest_window(_heard(sound), self._train, _METER_STRIDE) for sound in sounds]


def nearest_pieces(sound: torch.Tensor, train: Sequence[torch.Tensor], frames: int) -> list[Nearest]:
    """For every ``frames`` frames of a sound [M, F] the nearest window of the training sounds, shifts allowed."""
    stride = _stride(train)
    return [nearest_window(piece, train, stride) for piece in torch.split(sound, frames, dim=1)]


def _stride(train: Sequence[torch.Tensor]) -> int:
    return 1 if sum(item.shape[1] for item in train) < _MANY_FRAMES else 3


def _audible(sound: torch.Tensor, frames: int) -> list[torch.Tensor]:
    """Pieces of ``frames`` frames with much in them: next to nothing is near to everything."""
    pieces = torch.split(_heard(sound), frames, dim=1)
    active = [int((piece > -ACTIVE_DB).sum()) for piece in pieces]
    return [piece for piece, bins in zip(pieces, active, strict=True) if bins > _MUCH * max(active)]


def _median(near: Sequence[Nearest]) -> float:
    return float(np.median([item.distance_db for item in near]))


def measure_memorisation(
    made: Sequence[torch.Tensor], held_out: Sequence[torch.Tensor], train: Sequence[torch.Tensor], frames: int
) -> Memorisation:
    """All sounds [M, F_n] in dB relative to their own maximum (:func:`engine.audio.nearest.relative_db`).

    made: samples or reconstructions. frames: length of the pieces compared. At most 20 sounds of each side count.
    """
    stride = _stride(train)
    ours, theirs = (
        [nearest_window(piece, train, stride) for sound in _spread(side) for piece in _audible(sound, frames)]
        for side in (made, held_out)
    )
    return Memorisation(_median(ours), _median(theirs), min(ours, key=lambda near: near.distance_db))


def _heard(sound: torch.Tensor) -> torch.Tensor:
    """A sound without the end in which nothing is active."""
    active = (sound > -ACTIVE_DB).any(0).nonzero()
    return sound[:, : int(active[-1]) + 1] if len(active) else sound


def _spread(sounds: Sequence[torch.Tensor], most: int = MOST_PIECES) -> list[torch.Tensor]:
    return [sounds[place] for place in _places(len(sounds), most)]


def _places(count: int, most: int) -> np.ndarray:
    """At most ``most`` of ``count`` places, evenly spread."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)
