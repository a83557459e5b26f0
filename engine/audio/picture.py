"""A mel spectrogram as a small picture."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

DEPTH_DB = 62.0
SIZE = (640, 112)

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
    """PNG of :func:`mel_image`. A tenth larger than the smallest, for a tenth of the time."""
    out = io.BytesIO()
    mel_image(db, seconds, frame_s).save(out, "PNG")
    return out.getvalue()


def mel_image(
    db: NDArray[np.float32], seconds: float, frame_s: float, depth_db: float = DEPTH_DB, size: tuple[int, int] = SIZE
) -> Image.Image:
    """Mel power in dB [bands, frames], low notes at the bottom, from ``depth_db`` below its own maximum up to it.

    seconds: the time the whole width stands for; frame_s: from one frame to the next. What is missing stays dark.
    """
    frames = max(1, round(seconds / frame_s))
    canvas = np.full((db.shape[0], frames), db.max() - depth_db, dtype=np.float64)
    shown = min(frames, db.shape[1])
    canvas[:, :shown] = db[:, :shown]
    level = np.clip((canvas[::-1] - db.max()) / depth_db + 1, 0, 1)
    steps = level * (len(_MAGMA) - 1)
    low = np.minimum(steps.astype(int), len(_MAGMA) - 2)
    part = (steps - low)[..., None]
    colours = _MAGMA[low] * (1 - part) + _MAGMA[low + 1] * part
    return Image.fromarray(colours.round().astype(np.uint8)).resize(size, Image.Resampling.BILINEAR)
