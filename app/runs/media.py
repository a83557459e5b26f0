"""Whether a preview is what a run writes. One from a stranger may be anything under the name of a sound."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from engine.quantities import size
from engine.stamp import Stamp, stamp

MOST_BYTES = {"wav": 32 << 20, "png": 8 << 20, "npy": 32 << 20}
MOST_PIXELS = 1_400  # a side; Streamlit decodes and shrinks what is wider
MOST_ROWS, MOST_COLUMNS = 200, 50
_KINDS = {"wav": "sound", "png": "picture", "npy": "table"}


def refusal(path: Path) -> str | None:
    """Why the preview at ``path`` is not shown, as a sentence; None when it may be."""
    suffix = path.suffix[1:]
    kind = _KINDS[suffix]
    try:
        length = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(32)
    except OSError:
        return f"This {kind} cannot be read."
    if length > MOST_BYTES[suffix]:
        return f"This {kind} is not shown: {size(length)} is more than a preview has."
    if suffix == "wav" and (head[:4] != b"RIFF" or head[8:12] != b"WAVE"):
        return "This is no WAV file."
    return _picture_fault(path, head) if suffix == "png" else None


def _picture_fault(path: Path, head: bytes) -> str | None:
    """Its size is looked at before anybody unfolds it: a few kilobytes may claim to be gigapixels."""
    if head[:8] != b"\x89PNG\r\n\x1a\n" or head[12:16] != b"IHDR":
        return "This is no PNG picture."
    width, height = int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if not (0 < width <= MOST_PIXELS and 0 < height <= MOST_PIXELS):
        return f"This picture is not shown: it would be {width:,} by {height:,} pixels."
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            picture.verify()
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError):
        return "This picture is damaged."
    return None


def duration_s(path: Path) -> float:
    """Of a sound; 0 of one that cannot be read."""
    moment = stamp(path)
    return 0.0 if moment is None else _duration_s(path, moment)


@lru_cache(maxsize=4096)
def _duration_s(path: Path, _moment: Stamp) -> float:
    if refusal(path):
        return 0.0
    try:
        return float(soundfile.info(path).duration)
    except (soundfile.LibsndfileError, OSError):
        return 0.0


def table(path: Path) -> NDArray[np.generic] | None:
    """The first rows and columns of a table of numbers; None when it is none. Nothing else of it is read."""
    try:
        with np.errstate(over="ignore"):  # a shape may claim more than can be counted
            values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, TypeError, EOFError, MemoryError, OverflowError, RecursionError, SyntaxError):
        return None
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "biuf" or not values.ndim:
        return None
    rows = values[:MOST_ROWS]
    return np.array(rows if rows.ndim == 1 else rows.reshape(len(rows), -1)[:, :MOST_COLUMNS])
