"""The codes of the collection's files, kept with the weights, so that a latent map needs no sound files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from engine.rundir.record import Side


@dataclass(frozen=True)
class FileCodes:
    """Codes [N, D, L] of N files, D latent dimensions, L latent frames: of whole one-shots, or the mean over time
    (L = 1) of textures.

    paths: relative to the collection, forward slashes. sides: whether the model learned from a file or was checked on
    it.
    """

    paths: tuple[str, ...]
    sides: tuple[Side, ...]
    codes: torch.Tensor

    @property
    def learned(self) -> torch.Tensor:
        """bool [N]: the files that the model learned from."""
        return torch.tensor([side == "train" for side in self.sides])

    def state_dict(self) -> dict[str, Any]:
        """Codes in half precision: they place points on a map."""
        return {"paths": list(self.paths), "sides": list(self.sides), "codes": self.codes.half()}

    @classmethod
    def load(cls, state: Mapping[str, Any]) -> FileCodes:
        """Take back what :meth:`state_dict` gave; ``ValueError`` when it is not of as many paths, sides and codes."""
        found = cls(tuple(state["paths"]), tuple(state["sides"]), state["codes"].float())
        if found.codes.ndim != 3 or not len(found.paths) == len(found.sides) == len(found.codes):
            raise ValueError(f"codes of shape {tuple(found.codes.shape)} for {len(found.paths)} files")
        return found
