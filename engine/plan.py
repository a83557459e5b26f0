"""What is settled before the first update: how items come in batches, and how long the run is. Two answers, asked
apart: a task needs its batches before anybody has measured how long its run will be. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from engine.config import MOST_UPDATES, TrainingConfig
from engine.run_length import MOST_STEPS_PER_EPOCH, batch_size, pass_steps, variants

FEWEST_STEPS_PER_EPOCH = 32
USUAL_EPOCHS = 50


@dataclass(frozen=True)
class BatchLayout:
    """How the training items come in batches. expansion: how often one pass shows each of them."""

    expansion: int
    batch_size: int

    @classmethod
    def of(cls, config: TrainingConfig, num_train: int) -> Self:
        """Of ``num_train`` items, from a resolved ``config``; its length has no part in it."""
        expansion = variants(config.regularization.augmentation_expansion, num_train)
        return cls(expansion, config.batch_size or batch_size(num_train * expansion))


@dataclass(frozen=True)
class Length:
    """How many updates a run has, and how many of them are an epoch.

    preview_every: epochs between previews as their cost allows (:mod:`engine.loop.intervals`); None: not decided.
    """

    steps_per_epoch: int
    total_steps: int
    preview_every: int | None = None

    @property
    def total_epochs(self) -> int:
        return math.ceil(self.total_steps / self.steps_per_epoch)

    @classmethod
    def of(cls, config: TrainingConfig, num_train: int, steps_for_minutes: int | None = None) -> Self:
        """The length of a run over ``num_train`` items, from a resolved ``config``.

        steps_for_minutes: what ``max_minutes`` was measured to allow; None while it has not been measured. The tighter
        of that and ``max_steps`` is the length. ``max_epochs`` shortens nothing here (:func:`engine.resolve.resolve`
        has made updates of epochs that were asked for): it is how many epochs the length is divided into at most.
        """
        batches = BatchLayout.of(config, num_train)
        once = pass_steps(num_train * batches.expansion, batches.batch_size)
        limits = [limit for limit in (config.max_steps, steps_for_minutes) if limit is not None]
        total = min(limits, default=MOST_UPDATES)
        return cls(_steps_per_epoch(total, once, config), total)


def _steps_per_epoch(total: int, once: int, config: TrainingConfig) -> int:
    """A fiftieth of the run, from 32 (or one pass) to 250 updates; more where the ceiling on epochs asks for it.

    A pass over few sounds is too short to be an epoch: checking would cost more than learning, and a preset's hundred
    epochs would end before the model is done. Where epochs themselves decide the length, an epoch is one pass.
    """
    ceiling = config.max_epochs
    if ceiling is not None and total == ceiling * once:
        return once
    part = max(min(once, FEWEST_STEPS_PER_EPOCH), math.ceil(total / USUAL_EPOCHS))
    return max(min(part, MOST_STEPS_PER_EPOCH), 1 if ceiling is None else math.ceil(total / ceiling))
