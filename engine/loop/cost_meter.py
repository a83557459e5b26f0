"""What updates, checks, previews and saves cost, as measured while a run goes on: the time left follows from it."""

from __future__ import annotations

import math
import time
from collections import deque
from statistics import median_low
from typing import Literal

from engine.loop.pace import Costs

Part = Literal["step", "epoch", "preview", "save"]

DECAY_S = 15.0
LEAST_DECAY = 8  # updates: slow ones must not outweigh each other
STALL = 5.0  # times the usual: a single update that takes longer was held up, and says little of those to come
AGREED, APART = 5, 1.4  # so many updates in a row, each so many times off the pace: it has moved, and is theirs
KEPT = 5  # of each part: one that was held up is not what the next one costs


class CostMeter:
    """Told of every part as it ends. costs: as measured before; zeros are learnt on the way.

    decay_s: in so much time of updates what was measured before comes to weigh 1/e.
    """

    def __init__(self, costs: Costs, decay_s: float = DECAY_S) -> None:
        self.decay_s = decay_s
        self._last = time.monotonic()
        self._recent: deque[float] = deque()
        self._take(costs)

    def _take(self, costs: Costs) -> None:
        """Begin with ``costs``, which weigh as much as a third of a decay time."""
        self._time = self.decay_s / 3 if costs.step_s > 0 else 0.0
        self._steps = self._time / costs.step_s if costs.step_s > 0 else 0.0
        each = {"epoch": costs.epoch_s, "preview": costs.preview_s, "save": costs.save_s}
        # In updates, so that all of them follow a load that is seen in the updates first.
        known = {
            part: [seconds / costs.step_s] if costs.step_s > 0 and seconds > 0 else [] for part, seconds in each.items()
        }
        self._in_steps = {part: deque(seen, maxlen=KEPT) for part, seen in known.items()}

    def begin(self) -> None:
        """The clock starts: the first update comes next."""
        self._last = time.monotonic()

    @property
    def costs(self) -> Costs:
        step_s = self._time / self._steps if self._steps else 0.0
        usual = {part: median_low(seen) if seen else 0.0 for part, seen in self._in_steps.items()}
        return Costs(step_s, **{f"{part}_s": count * step_s for part, count in usual.items()})

    def hurry(self) -> None:
        """Take the pace of the last check or previews, if faster than usual: no update has told of that yet."""
        faster = [seen[-1] / median_low(seen) for seen in self._in_steps.values() if seen and median_low(seen) > 0]
        self._time *= min([1.0, *faster])

    def tick(self, part: Part) -> None:
        """All time since the last tick went into one ``part``."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        if part == "step":
            self._step(seconds)
        elif self._time > 0:
            self._in_steps[part].append(seconds * self._steps / self._time)

    def _step(self, seconds: float) -> None:
        """An update took ``seconds``: into the fading mean, or the beginning of a new one."""
        if self._time > 0:
            seconds = min(seconds, max(STALL * self._time / self._steps, self.decay_s / STALL))
        faded = math.exp(-min(seconds / self.decay_s, 1 / LEAST_DECAY))
        self._time, self._steps = self._time * faded + seconds, self._steps * faded + 1
        if self._moved(seconds):
            self._time, self._steps = sum(self._recent), len(self._recent)

    def _moved(self, seconds: float) -> bool:
        """Whether the updates of a third of the decay, and at least five, all say that the pace is another."""
        recent, step_s = self._recent, self._time / self._steps
        recent.append(seconds)
        while len(recent) > AGREED and sum(recent) - recent[0] >= self.decay_s / 3:
            recent.popleft()
        whole = len(recent) >= AGREED and sum(recent) >= self.decay_s / 3
        return whole and (min(recent) > step_s * APART or max(recent) < step_s / APART)
