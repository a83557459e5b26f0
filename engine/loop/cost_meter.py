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
LAST = 5  # updates at least, whose mean is the pace of now
LEAST_LAST_S, MOST_LAST_S = 0.5, 5.0  # that they take together; in between a fifteenth of the decay
MOST_BEFORE_S = 5.0  # of updates: what a measurement before the run weighs at most
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
        """Begin with ``costs``, which weigh as much as a third of a decay time, or five seconds."""
        self._time = min(self.decay_s / 3, MOST_BEFORE_S) if costs.step_s > 0 else 0.0
        self._steps = self._time / costs.step_s if costs.step_s > 0 else 0.0
        self._squares = self._time * costs.step_s
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
        return self.costs_at(self._time / self._steps if self._steps else 0.0)

    @property
    def quick_step_s(self) -> float:
        """Seconds of an update: of the last ones where they are quicker than the mean, else the mean."""
        step_s, recent = self.costs.step_s, self._recent
        settled = len(recent) >= LAST and sum(recent) >= self._last_s
        return min(step_s, sum(recent) / len(recent)) if settled else step_s

    def costs_at(self, step_s: float) -> Costs:
        """What everything costs where an update takes ``step_s``."""
        usual = {part: median_low(seen) if seen else 0.0 for part, seen in self._in_steps.items()}
        return Costs(step_s, **{f"{part}_s": count * step_s for part, count in usual.items()})

    @property
    def unevenness(self) -> float:
        """How much slower than the mean update is that of a moment picked by the clock, 1 where all take as long: slow
        moments last longer, and what is done once falls into one moment."""
        return max(1.0, self._squares * self._steps / self._time**2) if self._time > 0 else 1.0

    def hurry(self) -> None:
        """Take the pace of the last check or previews, if faster than usual: no update has told of that yet."""
        faster = [seen[-1] / median_low(seen) for seen in self._in_steps.values() if seen and median_low(seen) > 0]
        times = min([1.0, *faster])
        self._time, self._squares = self._time * times, self._squares * times**2

    def tick(self, part: Part) -> None:
        """All time since the last tick went into one ``part``."""
        now = time.monotonic()
        seconds, self._last = now - self._last, now
        if part == "step":
            self._step(seconds)
        elif self._time > 0:
            now_s = sum(self._recent) / len(self._recent) if self._recent else self._time / self._steps
            self._in_steps[part].append(seconds / now_s)

    @property
    def _last_s(self) -> float:
        return min(MOST_LAST_S, max(LEAST_LAST_S, self.decay_s / 15))

    def _step(self, seconds: float) -> None:
        """An update took ``seconds``: into the fading mean, and among the last ones."""
        if self._time > 0:
            seconds = min(seconds, STALL * self._time / self._steps)
        faded = math.exp(-min(seconds / self.decay_s, 1 / LEAST_DECAY))
        self._time, self._steps = self._time * faded + seconds, self._steps * faded + 1
        self._squares = self._squares * faded + seconds**2
        self._recent.append(seconds)
        while len(self._recent) > LAST and sum(self._recent) - self._recent[0] >= self._last_s:
            self._recent.popleft()
