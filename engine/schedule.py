"""How a learning rate moves over a run, whatever is learned. Closed forms; no torch."""

from __future__ import annotations

import math

WARMUP_STEPS = 20


def warmed_cosine(peak: float, step: int, progress: float) -> float:
    """The rate of update ``step`` (from 1): 20 steps of warm-up to ``peak``, then half a cosine to zero.

    progress: how much of the run lies behind, 0...1; a run whose end moves goes on from the progress it has. Source:
    Loshchilov and Hutter 2017, without restarts.
    """
    decay = 0.5 * (1 + math.cos(math.pi * progress))
    return peak * min(1.0, step / WARMUP_STEPS) * decay
