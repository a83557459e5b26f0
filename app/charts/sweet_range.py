"""The sweet range as the strip and the main chart draw it: where it lies, and what its mark is called by now."""

from __future__ import annotations

from dataclasses import dataclass

from app.look import words
from engine.claims.headline import past_the_spot
from engine.rundir.record import RunRecord
from engine.rundir.status import Status


@dataclass(frozen=True)
class Sweet:
    """Epochs from 1. band: first and last that cannot be told from the best; None where nothing can be told.

    beyond: the last epoch before the part that is worse, on evidence; None while there is no such part.
    """

    best: int
    name: str
    band: tuple[int, int] | None = None
    beyond: int | None = None

    @property
    def said(self) -> str:
        """In words, for who does not see the band."""
        if self.band is None or self.band[0] == self.band[1]:
            return f"{self.name} at epoch {self.best}"
        return f"{self.name} at epoch {self.best}, sweet range epochs {self.band[0]} to {self.band[1]}"


def sweet(status: Status | None, run: RunRecord | None) -> Sweet | None:
    """Of a run that has something to choose from. Its verdict alone says whether a part of it lies beyond."""
    best = words.sweet_spot(status, run)
    if status is None or best is None:
        return None
    name, past = words.spot_name(status), past_the_spot(status)
    found = status.evidence.sweet_range if status.evidence else None
    if found is None or not found.certain or not found.first <= best.epoch <= found.last <= status.epoch:
        return Sweet(best.epoch, name, beyond=best.epoch if past else None)
    return Sweet(best.epoch, name, (found.first, found.last), found.last if past else None)
