"""Which epochs are heard and which are saved. A function of numbers that stand in run.json, so a resumed run repeats
it; what previews cost is measured before the first update alone."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from engine.config import TrainingConfig, get_effective_preview_interval
from engine.plan import Length

EARLY_PREVIEWS = (0, 50, 200)
FEWEST = 9  # moments that a run may have whatever they cost: fewer would not tell how it went


@dataclass(frozen=True)
class Intervals:
    """Epochs between previews and between checkpoints.

    eager: whether previews come more often at first, when what one hears changes most: after a quarter of ``preview``,
    then twice as late each time until they are ``preview`` apart. timed: whether the run has minutes, which dear
    previews must not eat. best: whether the best epoch is heard beside the end, where it is another.
    """

    preview: int
    save: int
    eager: bool = False
    timed: bool = False
    best: bool = True

    @classmethod
    def of(cls, config: TrainingConfig, length: Length) -> Intervals:
        """As ``config`` asks; where ``length`` says that fewer previews can be afforded, those."""
        asked = get_effective_preview_interval(config, length.total_epochs)
        every = max(asked, length.preview_every or 0)
        return cls(every, config.checkpoint_interval, every > asked, config.max_minutes is not None)

    @cached_property
    def _first(self) -> list[int]:
        epochs = [math.ceil(self.preview / 4) if self.eager else self.preview]
        while epochs[-1] < self.preview:
            epochs.append(2 * epochs[-1])
        return epochs

    def previews_to(self, epoch: int) -> int:
        """How many of the epochs from 1 to ``epoch`` are heard."""
        further = max(0, epoch - self._first[-1]) // self.preview
        return bisect_right(self._first, epoch) + further

    def heard(self, epoch: int) -> bool:
        return epoch > 0 and self.previews_to(epoch) > self.previews_to(epoch - 1)

    def moments(self, total_epochs: int) -> int:
        """Of a whole run: early ones, those of epochs, its end, and its best epoch where that is another."""
        ends = 1 + (not self.heard(total_epochs))
        return len(EARLY_PREVIEWS) + self.previews_to(total_epochs) + ends


def preview_every(asked: int, total_epochs: int, affordable: float) -> int:
    """Epochs between previews: ``asked``, or more, such that a run has at most so many moments as are ``affordable``,
    or nine, as :class:`Intervals` spaces them. More than eight epochs have eight at least."""
    most = max(FEWEST, affordable)
    if Intervals(asked, 1).moments(total_epochs) <= most:
        return asked
    every = asked + 1
    while every < total_epochs and Intervals(every, 1, eager=True).moments(total_epochs) > most:
        every += max(1, every // 16)
    return every
