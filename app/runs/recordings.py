"""A recording that a run learned from, to be heard: found by the name the run has for it, where it still lies here."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import soundfile

from engine.audio.files.io import wave_bytes
from engine.rundir.record import DatasetRecord
from engine.rundir.view import RunView
from engine.stamp import Stamp, stamp

LONGEST_S = 30.0  # Beside previews of a few seconds; its player in the list of sounds has all of it.


def nearest(view: RunView) -> str | None:
    """The recording that new sounds came nearest to, as the run calls it; None before it was measured."""
    found = view.status.diagnosis if view.status else []
    return next((one.file for one in found if one.file), None)


def place_of(view: RunView, dataset: DatasetRecord | None, name: str) -> Path | None:
    """Where the recording ``name`` lies; None when it is gone, or a run from elsewhere could mean any file by it."""
    source = view.run.source.path if view.run else None
    known = dataset is not None and any(row.path == name for row in dataset.files)
    if view.read_only or not source or not known:
        return None
    try:
        folder = Path(source).resolve()
        path = (folder / name).resolve()
        return path if path.is_relative_to(folder) and path.is_file() else None
    except (OSError, ValueError):
        return None


def heard(path: Path) -> bytes | None:
    """Its first half minute as a WAV of 16 bits, which every browser plays; None when it cannot be read."""
    moment = stamp(path)
    return None if moment is None else _heard(os.fspath(path), moment)


@lru_cache(maxsize=16)
def _heard(path: str, _moment: Stamp) -> bytes | None:
    try:
        with soundfile.SoundFile(path) as file:
            wave = file.read(round(LONGEST_S * file.samplerate), dtype="float32", always_2d=True)
            return wave_bytes(np.nan_to_num(wave), file.samplerate) if len(wave) else None
    except (soundfile.LibsndfileError, OSError, ValueError, MemoryError):
        return None
