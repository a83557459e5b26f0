"""What most layers of a chart say alike, said once: a layered specification hands its encodings down to its layers."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

CHANNELS = ("x", "y", "color")


def inherited(spec: dict[str, Any]) -> dict[str, Any]:
    """``spec`` with what two or more of its layers share moved above them; Vega is compiled from it as before.

    A chart is sent whole whenever it is drawn, and most of it was the same axes in each of a dozen layers. A layer that
    has no such channel says so: else it would inherit one.
    """
    above = {}
    for channel in CHANNELS:
        said = Counter(
            json.dumps(layer["encoding"][channel], sort_keys=True)
            for layer in spec["layer"]
            if channel in layer["encoding"]
        )
        most, times = said.most_common(1)[0] if said else ("", 0)
        if times > 1:
            above[channel] = json.loads(most)
    return spec | {"encoding": above, "layer": [_below(layer, above) for layer in spec["layer"]]}


def _below(layer: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    own = {channel: said for channel, said in layer["encoding"].items() if above.get(channel) != said}
    without = {channel: None for channel in above if channel not in layer["encoding"]}
    return layer | {"encoding": own | without}
