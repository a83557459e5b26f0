"""A mel spectrogram as a small picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEPTH_DB = 62.0
WIDTH, HEIGHT = 640, 112

# Sixteen steps of matplotlib's colour map "magma" (N. Smith and S. van der Walt, CC0), dark to bright.
_MAGMA = np.array(
    [
        (0, 0, 4), (11, 9, 36), (32, 17, 75), (59, 15, 112), (87, 21, 126), (114, 31, 129), (140, 41, 129),
        (168, 50, 125), (196, 60, 117), (222, 73, 104), (241, 96, 93), (250, 127, 94), (254, 159, 109),
        (254, 191, 132), (253, 222, 160), (252, 253, 191),
    ],
    dtype=np.float64,
)  # fmt: skip


def mel_png(db: NDArray[np.float32], seconds: float, frame_s: float) -> bytes:
    """PNG of mel power in dB [bands, frames]: 640 x 112, low notes at the bottom, -62...0 dB below its own maximum.

    seconds: the time the whole width stands for; frame_s: from one frame to the next. What is missing stays dark.
    """
    frames = max(1, round(seconds / frame_s))
    canvas = np.full((db.shape[0], frames), db.max() - DEPTH_DB, dtype=np.float64)
    shown = min(frames, db.shape[1])
    canvas[:, :shown] = db[:, :shown]
    level = np.clip((canvas[::-1] - db.max()) / DEPTH_DB + 1, 0, 1)
    steps = level * (len(_MAGMA) - 1)
    low = np.minimum(steps.astype(int), len(_MAGMA) - 2)
    part = (steps - low)[..., None]
    colours = _MAGMA[low] * (1 - part) + _MAGMA[low + 1] * part
    image = Image.fromarray(colours.round().astype(np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()
