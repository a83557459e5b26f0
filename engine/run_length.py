"""How many updates a collection needs, how many items one holds. Pure functions of counts."""

from __future__ import annotations

import math

BATCH_SIZE = 8
MIN_ITEMS_PER_PASS = 2000
MOST_STEPS_PER_EPOCH = 250
MEASURED_STEPS, MEASURED_ITEMS, GROWTH = 6000, 25, 0.25  # see docs/model.md; the growth is an estimate


def variants(most: int, num_train: int) -> int:
    """How often a pass shows each item, every time varied anew: ``most``, fewer when 2,000 items are reached."""
    return min(most, math.ceil(MIN_ITEMS_PER_PASS / num_train))


def batch_size(items: int) -> int:
    """8, or fewer when a pass of ``items`` would be less than four updates."""
    return max(1, min(BATCH_SIZE, items // 4))


def pass_steps(items: int, size: int) -> int:
    """Updates of ``size`` in which each of ``items`` comes once; at most 250, so that a large one is heard of soon."""
    return min(MOST_STEPS_PER_EPOCH, math.ceil(items / size))


def automatic_steps(num_train: int) -> int:
    """A good number of updates when no limit was named: where twice as many are not expected to gain 0.15 dB."""
    return round(MEASURED_STEPS * math.pow(num_train / MEASURED_ITEMS, GROWTH))
