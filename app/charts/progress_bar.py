"""The strip: a whole run as one bar, what is done, the sweet range, what lies beyond it, what is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from app.charts.table import Rows
from engine.claims.sweet import SweetSpot

MOST_DOTS = 40
SLIVER = 0.012  # What lies beyond the sweet range by less is no part to be seen yet.


def strip_rows(done: float, sweet: SweetSpot | None, at: Callable[[int], float], previews: Sequence[float]) -> pa.Table:
    """The bar of a run: parts of 1. done: how far; at: where an epoch ended; previews: where they were made."""
    rows = Rows()
    rows.add("left", "track", x=0.0, x2=1.0)
    if done > 0:
        beyond = done if sweet is None or sweet.beyond is None else at(sweet.beyond)
        if beyond < done - SLIVER:
            rows.add("past", "val", x=0.0, x2=done)
            rows.add("done", "done", x=0.0, x2=beyond)
            if beyond > 0.01:
                rows.add("square", "done", x=beyond - min(0.006, beyond / 2), x2=beyond)
        else:
            rows.add("done", "done", x=0.0, x2=done)
        if sweet is not None and sweet.band is not None and sweet.band[0] < sweet.band[1]:
            rows.add("range", "sweet", x=min(done, at(sweet.band[0])), x2=min(done, at(sweet.band[1])))
    heard = [place for place in previews if 0.004 < place <= done]
    thinned = heard[:: math.ceil(len(heard) / MOST_DOTS) or 1]
    if thinned:
        rows.add("dot", "track", x=np.array(thinned))
    if sweet is not None and done > 0:
        rows.add("tick", "sweet", x=at(sweet.best))
        rows.add("label", "sweet", x=at(sweet.best), t=sweet.label)
    return rows.table()
