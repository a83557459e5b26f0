"""A picture of a sound on a time axis that it need not be as long as."""

from __future__ import annotations

import io
import math
from functools import lru_cache
from pathlib import Path

import streamlit as st
from PIL import Image

from engine.rundir.record import RunRecord
from engine.stamp import Stamp, stamp


def preview_s(run: RunRecord | None) -> float:
    """The time that the whole width of a preview's picture stands for: that of the longest preview there may be, for
    all pictures of a run are on one scale, however short their sounds. 0 if the run does not say."""
    said = run.config.task.get("preview_duration_s") if run else None
    if not isinstance(said, int | float) or isinstance(said, bool) or not math.isfinite(said):
        return 0.0
    return max(0.0, float(said))


def part_of(picture_s: float, span_s: float) -> float:
    """Of a time axis of ``span_s`` what a picture of ``picture_s`` spans; all of it where either is unknown."""
    return picture_s / span_s if picture_s and span_s else 1.0


def show(picture: Path, part: float, alt: str) -> None:
    """Draw the PNG file ``picture``. part: what it spans of the time axis, which is as long as the place is wide: more
    than 1 ends where the axis does."""
    # Columns whatever the part is: a player whose place in the tree changes falls silent.
    drawn, _ = st.columns([min(part, 1.0), max(1 - part, 1e-6)], gap=None, wrap=False)
    shown = str(picture) if part <= 1 else beginning(picture, stamp(picture), 1 / part)
    drawn.image(shown, width="stretch", alt=alt)


@lru_cache(maxsize=256)
def beginning(picture: Path, _moment: Stamp | None, part: float) -> bytes:
    """The first ``part`` of a picture's width, 0 to 1, as PNG."""
    out = io.BytesIO()
    with Image.open(picture, formats=("PNG",)) as whole:
        whole.crop((0, 0, max(1, round(part * whole.width)), whole.height)).save(out, "PNG")
    return out.getvalue()
