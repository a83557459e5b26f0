"""The strip: a whole run as one bar, what is done, what lies beyond the sweet spot, what is left."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from app.rows import Rows

MOST_DOTS = 40
ENDS = 0.15  # Nearer to an end a label stands beside its tick: the middle of it would leave a phone's screen.
SLIVER = 0.012  # What lies beyond the sweet spot by less is no part to be seen yet.


def strip_rows(
    done: float,
    sweet: tuple[float, int] | None,
    previews: Sequence[float],
    name: str = "sweet spot",
    past: bool = False,
) -> pa.Table:
    """The bar of a run: parts of 1. done: how far; sweet: (where, epoch); previews: where they were made.

    name: what that epoch is called. past: new items have come out worse since, so that the rest is marked.
    """
    rows = Rows()
    rows.add("left", "track", x=0.0, x2=1.0)
    if done > 0:
        if past and sweet is not None and sweet[0] < done - SLIVER:
            rows.add("past", "val", x=0.0, x2=done)
            rows.add("done", "done", x=0.0, x2=sweet[0])
            if sweet[0] > 0.01:
                rows.add("square", "done", x=sweet[0] - min(0.006, sweet[0] / 2), x2=sweet[0])
        else:
            rows.add("done", "done", x=0.0, x2=done)
    heard = [at for at in previews if 0.004 < at <= done]
    thinned = heard[:: math.ceil(len(heard) / MOST_DOTS) or 1]
    if thinned:
        rows.add("dot", "track", x=np.array(thinned))
    if sweet is not None and done > 0:
        rows.add("tick", "sweet", x=sweet[0])
        kind = "label-left" if sweet[0] < ENDS else "label-right" if sweet[0] > 1 - ENDS else "label"
        rows.add(kind, "sweet", x=sweet[0], t=f"{name} {sweet[1]}")
    return rows.table()
