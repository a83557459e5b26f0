"""Where on the map the sounds of the keys are taken from, on a grid: what lies between two steps sounds like one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.tasks.vae.sounds.request import AXES_REACH, FromPrior, MapPoint, Moved, Origin

# Standard deviations along a main axis. The variations of a kit, random steps of about a fifth along every axis, lie
# 0.4 to 1.3 dB from their sounds, which lie 3.7 to 14.6 dB from one another (docs/instruments.md).
GRID = 0.25
CONTROLLER_REACH = 2.0  # beyond it sounds become unusual
_CENTRE = 64


@dataclass(frozen=True)
class Spot:
    """at: a place on the map (x, y), None: the keys' own new sounds. steps: main axis (from 1) to steps of ``GRID``
    along it, in order, without zeros."""

    at: tuple[float, float] | None = None
    steps: tuple[tuple[int, int], ...] = ()

    def moved(self, axis: int, deviations: float) -> Spot:
        """With ``axis`` at ``deviations``, rounded to the grid, wherever it was."""
        reach = max(-AXES_REACH, min(AXES_REACH, deviations))
        kept = {**dict(self.steps), axis: round(reach / GRID)}
        return replace(self, steps=tuple(sorted((number, steps) for number, steps in kept.items() if steps)))

    def beside(self, axis: int, steps: int) -> Spot:
        """``steps`` further along ``axis``, as far as that reaches."""
        return self.moved(axis, (dict(self.steps).get(axis, 0) + steps) * GRID)

    def origin(self, index: int) -> Origin:
        """Of the sound number ``index`` here; at a place of the map there is one sound alone."""
        inner = FromPrior(index=index) if self.at is None else MapPoint(x=self.at[0], y=self.at[1])
        axes = {axis: steps * GRID for axis, steps in self.steps}
        return Moved(of=inner, axes=axes) if axes else inner

    def distance(self, other: Spot) -> float:
        """In steps; infinite between different places of the map."""
        if self.at != other.at:
            return math.inf
        own, others = dict(self.steps), dict(other.steps)
        return math.dist(
            *zip(*((own.get(axis, 0), others.get(axis, 0)) for axis in own | others | {0: 0}), strict=True)
        )


def deviations(value: int) -> float:
    """What a controller's value (0 to 127) asks of its axis: 64 is the middle, its ends lie at 2."""
    return max(-1.0, (value - _CENTRE) / (127 - _CENTRE)) * CONTROLLER_REACH
