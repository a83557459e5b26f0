"""Sounds that are given to a trained model: any file, or one of its collection by name.

Letters: T samples, D latent_dim, L latent frames.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import torch

from engine.audio.files.cache import default_cache
from engine.audio.files.io import MAX_DURATION_S, AudioError, TooLongError, read_usable, unusable
from engine.audio.levels import peak
from engine.audio.stereo import StereoImage
from engine.errors import DataError
from engine.home import expanded
from engine.quantities import duration
from engine.rundir.reading import own_file
from engine.tasks.vae.model import STRIDE
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import MOST_SECONDS


@dataclass(frozen=True)
class Given:
    """wave [T] of peak 1 at the model's rate; or, when the file is gone, the code [D, L] that the model kept of it.

    image: how it lies between two channels; None of a mono sound.
    """

    samples: int
    wave: np.ndarray | None = None
    code: torch.Tensor | None = None
    image: StereoImage | None = None


def open_sound(trained: Trained, name: str, most_s: float | None = None) -> Given:
    """The sound called ``name``: the path of a file, or a name in the collection. ``DataError`` when it is neither,
    a file that a scan leaves out, or longer than ``most_s``: for one of the collection as long as a file of it may be,
    else ten minutes.
    """
    path = find_sound(trained, name)
    rate = trained.codec.config.sample_rate
    if path is not None:
        most_s = most_s or (MAX_DURATION_S if in_collection(trained, name) else MOST_SECONDS)
        try:
            wave, image = _cached(path, rate, most_s) or read_usable(path, rate, most_s)
        except TooLongError as error:
            raise _too_long(path, most_s) from error
        except (AudioError, OSError) as error:
            raise unusable(path, error, "Name another one, or make a WAV of it.") from error
        return Given(len(wave), wave=(wave / peak(wave)).astype(np.float32), image=image)
    file_codes = trained.codec.file_codes
    if file_codes is not None and name in file_codes.paths:
        code = file_codes.codes[file_codes.paths.index(name)]
        frames = trained.codec.frames_of(code.shape[-1])
        row = next((row for row in trained.files if row.path == name), None)
        lasts = (row.duration_s or 0.0) if row else 0.0
        length = round(min(lasts, MOST_SECONDS) * rate) if lasts > 0 else 0  # a foreign model may say anything
        whole = (frames - 1) * trained.codec.config.hop_length
        samples = min(length or whole, whole) if frames > STRIDE else length or whole
        if samples > (most_s or MAX_DURATION_S) * rate:
            raise _too_long(name, most_s or MAX_DURATION_S)
        return Given(samples, code=code, image=trained.codec.image(code))
    raise DataError(f"There is no sound {name}.", "Name a sound file, or one of the collection as the map calls it.")


def _too_long(name: str | Path, most_s: float) -> DataError:
    return DataError(f"{name} lasts more than {duration(most_s)}, the most that is taken.", "Cut it into pieces.")


def find_sound(trained: Trained, name: str) -> Path | None:
    """Where the sound called ``name`` lies on disk; None when it does not.

    A name of the collection comes from the run, which may be anybody's: it leads into the collection's folder and
    nowhere else. Any other name is the path of a file; where that is gone, and the run was moved since, the run's own
    sound of that name.
    """
    own = in_collection(trained, name)
    inside = trained.source / name if trained.source is not None and _stays_inside(name) else None
    path = inside if own else expanded(name)
    try:
        if path is None or path.is_file():
            return path
        moved = trained.at.sound_once_at(path) if trained.at is not None and not own else None
        return moved if moved is not None and own_file(moved) else None
    except (OSError, ValueError):  # a name that is too long, or holds a NUL
        return None


def in_collection(trained: Trained, name: str) -> bool:
    """Whether ``name`` is one of the run's files, or of those its map knows."""
    file_codes = trained.codec.file_codes
    return any(row.path == name for row in trained.files) or (file_codes is not None and name in file_codes.paths)


def _stays_inside(name: str) -> bool:
    """Whether a name that is put behind a folder names something in it."""
    path = PurePath(name)
    return not path.anchor and ".." not in path.parts


def _cached(path: Path, rate: int, most_s: float) -> tuple[np.ndarray, StereoImage | None] | None:
    """What the cache of decoded sounds knows of a file, as :func:`read_usable` would tell it; None if it is damaged, or
    too long."""
    cache = default_cache()
    key = cache.key(path, rate)
    try:
        facts = cache.load(key)
        if facts is None or facts.failure is not None or facts.num_samples > most_s * rate:
            return None
        wave = np.asarray(cache.open(key, facts.num_samples), dtype=np.float32) / np.float32(32767)
    except (ValueError, OSError):  # damaged, or cleared in this moment: the file itself is there
        return None
    return wave, facts.image
