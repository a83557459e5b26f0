"""The sweet range as the strip and the main chart draw it: where it lies, and what its mark is called by now."""

from __future__ import annotations

from dataclasses import dataclass

from app import words
from engine.rundir.schema import RunRecord, State, Status


@dataclass(frozen=True)
class Sweet:
    """Epochs from 1. band: first and last that cannot be told from the best; None where nothing can be told.

    beyond: the first epoch of the part that is worse, on evidence; None while there is no such part.
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
    """Of a run that has something to choose from. Until it is over, or behind, its best is the best so far."""
    best = words.sweet_spot(status, run)
    if status is None or best is None:
        return None
    found = status.sweet_range
    if found is None or not found.certain or not found.first <= best.epoch <= found.last <= status.epoch:
        return Sweet(best.epoch, _name(status, over=False))
    beyond = found.last if found.behind else None
    return Sweet(best.epoch, _name(status, over=found.behind), (found.first, found.last), beyond)


def _name(status: Status, over: bool) -> str:
    return "sweet spot" if over or status.state is State.COMPLETED else "best so far"
