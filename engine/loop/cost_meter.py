"""What updates, checks, previews and saves cost, as measured while a run goes on: the time left follows from it."""

from __future__ import annotations

import math
import time
from typing import Literal

from engine.loop.pace import Costs

Part = Literal["step", "epoch", "preview", "save"]

DECAY_S = 15.0


class CostMeter:
    """Told of every part as it ends. costs: as measured before; zeros are learnt on the way.

    decay_s: in so much time of updates what was measured before comes to weigh 1/e.
    """

    def __init__(self, costs: Costs, decay_s: float = DECAY_S) -> None:
        self.decay_s = decay_s
        self._last = time.monotonic()
        self._take(costs)

    def _take(self, costs: Costs) -> None:
        """Begin with ``costs``, which weigh as much as a third of a decay time."""
        self._time = self.decay_s / 3 if costs.step_s > 0 else 0.0
        self._steps = self._time / costs.step_s if costs.step_s > 0 else 0.0
        each = {"epoch": costs.epoch_s, "preview": costs.preview_s, "save": costs.save_s}
        # In updates, so that all of them follow a load that is seen in the updates first.
        self._in_steps = {part: seconds / costs.step_s if costs.step_s > 0 else 0.0 for part, seconds in each.items()}

    def begin(self) -> None:
        """The clock starts: the first update comes next."""
        self._last = time.monotonic()

    @property
    def costs(self) -> Costs:
        step_s = self._time / self._steps if self._steps else 0.0
        return Costs(step_s, **{f"{part}_s": count * step_s for part, count in self._in_steps.items()})

    def tick(self, part: Part) -> None:
        """All time since the last tick went into one ``part``."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        if part == "step":
            faded = math.exp(-seconds / self.decay_s)
            self._time, self._steps = self._time * faded + seconds, self._steps * faded + 1
        elif self._time > 0:
            seen = seconds * self._steps / self._time
            known = self._in_steps[part]
            self._in_steps[part] = (known + seen) / 2 if known else seen
