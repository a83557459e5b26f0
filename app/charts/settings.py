"""How the curves of a page are drawn: what stands along the x axis, which y axis, how smooth. Pure, no Streamlit."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.runs.columns import Floats

AXES = {"epoch": "epoch", "step": "update", "time": "minutes of training"}
COUNTED = ("epoch", "step")  # axes of whole numbers
USUAL = "usual"
SMOOTHINGS = (USUAL, "1", "5", "17", "65", "257")
STEPS_USUALLY = 17


@dataclass(frozen=True)
class ChartSettings:
    """What all curves of a page share. smoothing: one of ``SMOOTHINGS``."""

    axis: str = "epoch"
    log: bool = False
    smoothing: str = USUAL

    def fitting(self, *values: Floats) -> ChartSettings:
        """The same, but linear where any of ``values`` lies below zero: half a curve tells less than a whole one."""
        below = self.log and any(bool((one < 0).any()) for one in values)
        return replace(self, log=False) if below else self

    def over(self, by_step: bool) -> int:
        """The mean of how many values a line is. Usually steps alone are smoothed: epochs are few, and each counts."""
        if self.smoothing == USUAL:
            return STEPS_USUALLY if by_step else 1
        return int(self.smoothing)
