"""The sweet range in words, for who reads a card, a label or a sentence and for who hears a picture described."""

from __future__ import annotations

from dataclasses import dataclass

from engine.rundir.findings import Evidence


@dataclass(frozen=True)
class SweetSpot:
    """Epochs from 1. name: what the best one is called by now. band: first and last that cannot be told from it; None
    where nothing can be told.

    beyond: the last epoch before the part that is worse, on evidence; None while there is no such part. few: too few
    held-out items check it to tell.
    """

    best: int
    name: str
    band: tuple[int, int] | None = None
    beyond: int | None = None
    few: bool = False

    @property
    def range(self) -> str:
        """ "8 to 10"; nothing where the best epoch stands alone, or where nothing can be told."""
        return f"{self.band[0]} to {self.band[1]}" if self.band and self.band[0] < self.band[1] else ""

    @property
    def title(self) -> str:
        """What is named by :attr:`value`: the range once it is called so, the best epoch before."""
        return "sweet range" if self._settled else self.name

    @property
    def value(self) -> str:
        return self.range if self._settled else f"epoch {self.best}"

    @property
    def _settled(self) -> bool:
        return bool(self.range) and self.name == "sweet spot"

    @property
    def label(self) -> str:
        """At its mark: "sweet range 8 to 10, best 10", while it learns "best so far 10, sweet range 8 to 10"."""
        if self._settled:
            return f"sweet range {self.range}, best {self.best}"
        reach = f", sweet range {self.range}" if self.range else ", sweet range unknown" if self.few else ""
        return f"{self.name} {self.best}{reach}"

    @property
    def said(self) -> str:
        """The same as part of a picture's description."""
        reach = f", sweet range epochs {self.range}" if self.range else ", sweet range unknown" if self.few else ""
        return f"{self.name} at epoch {self.best}{reach}"

    @property
    def sentence(self) -> str:
        """Of a run that is over, to go on after: "The sweet range was epochs 8 to 10, its best epoch 10"."""
        if self.range:
            return f"The sweet range was epochs {self.range}, its best epoch {self.best}"
        return f"The {self.name}{' epoch' if self.name == 'best' else ''} was epoch {self.best}"


def band(best: int, evidence: Evidence | None) -> tuple[int, int] | None:
    """First and last epoch that the held-out files cannot tell from ``best``; None where they were not compared."""
    sweet = evidence.sweet_range if evidence else None
    if evidence is None or sweet is None or not sweet.certain or not sweet.first <= best <= sweet.last:
        return None
    return (sweet.first, sweet.last) if sweet.last <= evidence.epoch else None
