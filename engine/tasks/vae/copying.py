"""Does the model repeat what it was given? How near its sounds come to the training sounds, against held-out ones.

Letters: M mel bands, F frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from engine.audio.mel import ACTIVE_DB, GATE_DB, RANGE_DB, AudioSpectrogram
from engine.audio.nearest import nearest_of, relative_db
from engine.audio.window_index import CELL_FRAMES, WindowAt, WindowIndex
from engine.tasks.vae.dataset import AudioTrainingDataset

_PIECES = 6
_CANDIDATES = 16
_EDGE = 4
_REFINED = 3
_AROUND = 4  # frames: half a cell of the index
_HARDLY_DB = 20.0  # above the floor: what never rises further is no sound to be near to


@dataclass(frozen=True)
class NearWindow:
    """distance_db: mean absolute error over active bins. sound, frame: the training sound, and where in it."""

    distance_db: float
    sound: int
    frame: int


@dataclass(frozen=True)
class CopyingReading:
    """What the meter of a run said last. Distances in dB are medians; ``file`` is the training sound that came nearest
    to any new sound, ``file_db`` how near.

    samples_db: of new sounds. held_out_db: of held-out sounds. NaN, and no file, where nothing could be heard.
    """

    samples_db: float
    held_out_db: float
    file: str
    file_db: float

    def state(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CopyingReading:
        samples, held_out, near = (float(state[name]) for name in ("samples_db", "held_out_db", "file_db"))
        return cls(samples, held_out, str(state["file"]), near)


class CopyingMeter:
    """Compares a few pieces of what a model makes with all training sounds, at any place and gain.

    The index names sixteen windows that may be near; those are read from the sounds again and measured exactly, the
    nearest also between its frames. docs/model.md says how many copies it finds, and what it costs.

    held_out_db: the yardstick, from :meth:`hear` or as it was heard before.
    """

    def __init__(
        self, train: AudioTrainingDataset, transform: AudioSpectrogram, index: WindowIndex, floor_db: float
    ) -> None:
        self._train, self._transform, self._index, self._floor_db = train, transform, index, floor_db
        self.held_out_db = math.nan

    def hear(self, held_out: torch.Tensor) -> None:
        """Take the yardstick: chunks of sounds that were never learned, in dB [K, M, F]."""
        self.held_out_db = _median(self._all_nearest(spread(list(held_out), _PIECES)))

    def read(self, samples: torch.Tensor) -> CopyingReading:
        """samples: new sounds in dB [K, M, F]."""
        near = self._all_nearest(spread(list(samples), _PIECES))
        if not near:
            return CopyingReading(math.nan, self.held_out_db, "", math.nan)
        closest = min(near, key=lambda item: item.distance_db)
        return CopyingReading(
            _median(near),
            self.held_out_db,
            self._train.sounds[closest.sound].path,
            closest.distance_db,
        )

    def _all_nearest(self, sounds: Iterable[torch.Tensor]) -> list[NearWindow]:
        return [near for sound in sounds if (near := self.nearest(sound)) is not None]

    @torch.inference_mode()
    def nearest(self, db: torch.Tensor) -> NearWindow | None:
        """The window of the training sounds nearest to a piece in dB [M, F]; None where all of it lies at the floor:
        silence is near to nothing, and no copy."""
        floored = db.clamp_min(self._floor_db)
        # What lies at the floor was cut off there, and is not known: it counts neither for nor against a copy.
        heard = heard_part(relative_db(floored).masked_fill(floored <= self._floor_db + GATE_DB, -RANGE_DB))
        active = heard > -ACTIVE_DB
        if not active.any():
            return None
        if heard.shape[1] > 4 * _EDGE:  # where a copy was cut it clicks: all that squares of it would see
            active[:, :_EDGE] = active[:, -_EDGE:] = False
        # With what follows, so that at every shift whole cells hold the end: a short sound has few frames to lose.
        sought = floored[:, : heard.shape[1] + CELL_FRAMES - 1]
        active = functional.pad(active, (0, sought.shape[1] - heard.shape[1]))
        places = self._index.search(sought, active, _CANDIDATES)
        near = self._measured(heard, [(place, 0) for place in places])
        quarter = self._train.spectrogram.hop_length // 4
        between = [(WindowAt(at.sound, at.frame), part * quarter) for at in near[:_REFINED] for part in (-2, -1, 1, 2)]
        return min(near[0], self._measured(heard, between)[0], key=lambda at: at.distance_db)

    def _measured(self, heard: torch.Tensor, places: Sequence[tuple[WindowAt, int]]) -> list[NearWindow]:
        """The nearest windows within four frames of any of ``places``, each so many samples later; the least first."""
        frames = heard.shape[1]
        found = []
        for place, offset in places:
            first = place.frame - _AROUND
            db = self._train.frames_db(place.sound, first, frames + 2 * _AROUND, self._transform, offset)
            found.append(db.clamp_min(self._floor_db).unfold(1, frames, 1).movedim(1, 0))
        windows = torch.cat(found)
        loudest = windows.amax((1, 2), keepdim=True).clamp_min(self._floor_db + _HARDLY_DB)
        near = nearest_of(heard, (windows - loudest).clamp_min(-RANGE_DB))
        at = [(distance, *divmod(which, 2 * _AROUND + 1)) for distance, which in near]
        return [
            NearWindow(distance, places[number][0].sound, places[number][0].frame - _AROUND + step)
            for distance, number, step in at
        ]


def _median(near: Sequence[NearWindow]) -> float:
    return float(np.median([item.distance_db for item in near])) if near else math.nan


def heard_part(sound: torch.Tensor) -> torch.Tensor:
    """A sound without the end in which nothing is active."""
    active = (sound > -ACTIVE_DB).any(0).nonzero()
    return sound[:, : int(active[-1]) + 1] if len(active) else sound


def spread(sounds: Sequence[torch.Tensor], most: int) -> list[torch.Tensor]:
    """At most ``most`` of ``sounds``, evenly chosen."""
    places = np.linspace(0, len(sounds) - 1, min(len(sounds), most)).round().astype(int)
    return [sounds[place] for place in places]
