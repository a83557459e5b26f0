"""What a viewer shows beside made sounds: their pictures, and the recordings that the collection consists of."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from engine.audio.files.io import AudioError, read_beginning, read_stereo, read_wave, unusable, wave_bytes
from engine.audio.levels import CEILING_DB, from_db, peak
from engine.audio.mel import AudioSpectrogram
from engine.audio.picture import mel_image, mel_png
from engine.audio.settings import SpectrogramConfig
from engine.errors import DataError
from engine.rundir.atomic import replace_bytes
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.inputs import find_sound, open_sound
from engine.tasks.vae.sounds.load import Trained
from engine.tasks.vae.sounds.request import SoundRequest

MOST_FRAMES = 2_000  # of a picture that is 640 pixels wide
BLOCK_S = 20.0
SMALL = (256, 96)  # pixels of a picture among many
LONGEST_S = 60.0


@dataclass(frozen=True)
class Copy:
    """A recording made ready to be heard. whole: nothing of it was left out."""

    path: Path
    duration_s: float
    whole: bool


def depict(sound: Path, config: SpectrogramConfig) -> Path:
    """Draw the file ``sound`` as a mel spectrogram into a PNG of its name; the whole width is its length.

    Raises OSError.
    """
    wave = read_wave(sound, config.sample_rate)
    path = sound.with_suffix(".png")
    seconds, frame_s = len(wave) / config.sample_rate, config.hop_length / config.sample_rate
    db = _mel(wave, config)
    pool = -(-db.shape[1] // MOST_FRAMES)
    replace_bytes(path, mel_png(_pooled(db, pool), seconds, frame_s * pool), durable=False)
    return path


def _pooled(db: np.ndarray, pool: int) -> np.ndarray:
    """The loudest of each ``pool`` frames."""
    if pool == 1:
        return db
    loudest: np.ndarray = np.pad(db, ((0, 0), (0, -db.shape[1] % pool)), "edge").reshape(len(db), -1, pool).max(2)
    return loudest


def _mel(wave: np.ndarray, config: SpectrogramConfig) -> np.ndarray:
    """Mel power in dB [bands, frames], block by block: ten minutes at once would take gigabytes."""
    step = max(1, round(BLOCK_S * config.sample_rate) // config.hop_length) * config.hop_length
    blocks = [wave[start : start + step] for start in range(0, len(wave), step)]
    blocks = [np.pad(block, (0, max(0, config.n_fft - len(block)))) for block in blocks]
    spectrogram = AudioSpectrogram(config)
    with torch.inference_mode():
        found = [spectrogram(torch.from_numpy(block)[None])[0].numpy() for block in blocks]
    return np.concatenate([*(part[:, : step // config.hop_length] for part in found[:-1]), found[-1]], axis=1)


@dataclass(frozen=True)
class Picture:
    """A PNG of a sound that was not made. The whole width of all of one answer is as long as the longest of them."""

    png: bytes
    duration_s: float


def foretell(generator: SoundGenerator, requests: Sequence[SoundRequest]) -> list[Picture]:
    """How the sounds of ``requests`` would look, on one time axis."""
    config = generator.codec.config
    frame_s = config.hop_length / config.sample_rate
    found = [generator.spectrogram(request) for request in requests]
    longest = max(db.shape[1] for db in found)
    pool = -(-longest // MOST_FRAMES)
    pictures = []
    for db in found:
        image = mel_image(_pooled(db, pool), longest * frame_s, frame_s * pool, size=SMALL)
        out = io.BytesIO()
        image.save(out, "PNG")
        pictures.append(Picture(out.getvalue(), (db.shape[1] - 1) * frame_s))
    return pictures


def original(trained: Trained, name: str, out: Path) -> Copy:
    """Write the first minute of the recording ``name`` into ``out`` as a 16-bit WAV with its peak at -1 dBFS, in two
    channels where it has them.

    Only what the run learned from or checked with: ``DataError`` for anything else and when it is gone. Raises OSError.
    """
    if not any(row.path == name for row in trained.files):
        raise DataError(f"{name} is no sound of this collection.", "Name one as the map calls it.")
    given, rate = open_sound(trained, name), trained.codec.config.sample_rate
    if given.wave is None:
        raise DataError(f"The recording {name} is not where it was.", "The model's own copy of it can still be heard.")
    shown = given.wave[: round(LONGEST_S * rate)]
    if given.image is not None and (recording := find_sound(trained, name)) is not None:
        shown = _both_channels(recording, rate)
    data = wave_bytes(shown * np.float32(from_db(CEILING_DB)), rate)
    path = out / f"original-{hashlib.sha256(data).hexdigest()[:16]}.wav"
    replace_bytes(path, data, durable=False)
    return Copy(path, len(shown) / rate, len(shown) >= len(given.wave))


def given_copy(trained: Trained, name: str, path: Path) -> Copy | None:
    """Write the first minute of the sound called ``name`` to ``path``, as :func:`original` does, in both channels of a
    stereo sound; None where its file is gone. Raises OSError."""
    found = find_sound(trained, name)
    if found is None:
        return None
    rate = trained.codec.config.sample_rate
    wave, _ = read_stereo(found, rate)
    shown = wave[: round(LONGEST_S * rate)]
    replace_bytes(
        path, wave_bytes(shown / np.float32(peak(wave)) * np.float32(from_db(CEILING_DB)), rate), durable=False
    )
    return Copy(path, len(shown) / rate, len(shown) == len(wave))


def _both_channels(path: Path, rate: int) -> np.ndarray:
    """The first minute of a stereo file, [T, 2], its louder channel at peak 1. ``DataError`` when it cannot be read."""
    try:
        wave, _ = read_beginning(path, rate, LONGEST_S)
    except (AudioError, OSError) as error:
        raise unusable(path, error, "Name another one, or make a WAV of it.") from error
    found: np.ndarray = wave[: round(LONGEST_S * rate)] / max(peak(wave), np.finfo(np.float32).tiny)
    return found
