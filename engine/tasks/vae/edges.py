"""How each recording of a collection of one-shots begins and ends, so that a new sound begins and ends as one of them.

A median over the collection fits none of its sounds: one stroke clicks, another is bowed; one rings on until nothing is
left, another was cut. Letters: N learned sounds, P quarters of the bands, M mel bands, F frames.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import pad

from engine.audio.mel import power_to_db, to_power
from engine.tasks.vae.residual import ONSET_FRAMES, SOUNDING_DB

PARTS = 4
FADE_FRAMES = 4
MOST_DB = 12.0


@dataclass(frozen=True)
class Edges:
    """ends [N]: by how many dB the last of each learned sound lies below its loudest. onsets [N, P, 8]: by how many dB
    its first frames are louder than the decoder's, struck as most are, -12 to 12."""

    ends: torch.Tensor
    onsets: torch.Tensor

    @classmethod
    def measure(cls, ends: torch.Tensor, recorded: torch.Tensor, decoded: torch.Tensor) -> Edges:
        """From the first frames of the sounds, in dB [N, M, 8], and what the decoder makes of their codes, struck."""
        louder = faded(onset_levels(recorded) - onset_levels(decoded))
        return cls(ends.float(), louder.clamp(-MOST_DB, MOST_DB).cpu())

    def begun(self, db: torch.Tensor, sounds: Sequence[int], floor: float) -> torch.Tensor:
        """``db`` [B, M, F], each of which begins as that one of ``sounds`` [B], where there is sound."""
        return with_onset(db, self.onsets[list(sounds)], floor)

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"ends": self.ends, "onsets": self.onsets}

    @classmethod
    def load(cls, state: Mapping[str, Any], sounds: int) -> Edges:
        """Take back what :meth:`state_dict` gave; ``ValueError`` when it is not of as many ``sounds``."""
        found = cls(state["ends"].float(), state["onsets"].float())
        shapes = tuple(found.ends.shape), tuple(found.onsets.shape)
        if shapes != ((sounds,), (sounds, PARTS, ONSET_FRAMES)):
            raise ValueError(f"edges of shapes {shapes} for {sounds} sounds")
        return found


def onset_levels(db: torch.Tensor) -> torch.Tensor:
    """Levels in dB [..., P, 8 or F] of the first frames of ``db`` [..., M, F]."""
    power = to_power(db[..., :ONSET_FRAMES])
    return power_to_db(torch.stack(torch.split(power, db.shape[-2] // PARTS, dim=-2), -3).sum(-2))


def faded(louder: torch.Tensor) -> torch.Tensor:
    """``louder`` [..., P, 8 at most] less and less over the last four of eight frames."""
    fade = (torch.arange(ONSET_FRAMES, 0, -1).to(louder) / (FADE_FRAMES + 1)).clamp_max(1)
    return louder * fade[: louder.shape[-1]]


def with_onset(db: torch.Tensor, louder: torch.Tensor, floor: float) -> torch.Tensor:
    """``db`` [..., M, F] with first frames by ``louder`` [..., P, 8 at most] dB louder, where there is sound: more than
    6 dB above the ``floor``."""
    frames = min(louder.shape[-1], db.shape[-1])
    of_bands = louder[..., :frames].to(db).repeat_interleave(db.shape[-2] // PARTS, -2)
    return torch.where(db > floor + SOUNDING_DB, db + pad(of_bands, (0, db.shape[-1] - frames)), db)
