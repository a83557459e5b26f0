"""What a run lets one hear: new sounds from fixed noise, and one held-out sound beside its reconstruction.

Letters: T samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import torch

from engine.audio import finish, levels
from engine.audio.files.io import wave_bytes
from engine.audio.mel import AudioSpectrogram
from engine.audio.picture import mel_png
from engine.audio.settings import SpectrogramConfig
from engine.task import Preview
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.prior import OneShotPrior

HEADROOM_DB = 6.0


def sample_wave(codec: Codec, samples: int, seed: int, temperature: float, sound: int) -> np.ndarray:
    """New sound of ``samples`` samples: a texture in one piece, or as many one-shots in a row as fit."""
    frames = codec.config.frames(samples)
    if not isinstance(codec.prior, OneShotPrior):
        db = codec.sample_db(1, frames, seed, temperature, sound)
        return finish.fade_edges(codec.to_wave(db, samples)[0], codec.config.sample_rate)
    count = max(1, round(samples / (codec.frames_of(codec.prior.frames) * codec.config.hop_length)))
    cell = samples // count
    db = codec.sample_db(count, codec.config.frames(cell), seed, temperature)
    waves = codec.to_wave(db, cell)
    waves = np.stack([finish.one_shot_edges(wave, codec.config.sample_rate) for wave in waves])
    return finish.lengthen(waves.reshape(-1), samples)


def even_preview_level(held_out: np.ndarray, level: float) -> float:
    """The level of all previews of a run: ``level``, or less where the held-out sound [T] would come within 6 dB of the
    limit of its peak. Its copies are spikier: over 20 drums by up to 10 dB, by more than 6 in three.
    """
    room = levels.from_db(levels.CEILING_DB - HEADROOM_DB) * levels.active_rms(held_out)
    return min(level, room / levels.peak(held_out)) if room else level


def audio_preview(
    wave: np.ndarray, role: str, config: SpectrogramConfig, seconds: float, level: float, index: int = 0
) -> Preview:
    """A wave as sound, mel spectrogram and picture, at the level all previews of a run share."""
    levelled = finish.level_out(wave, level)
    with torch.inference_mode():
        db = AudioSpectrogram(config)(torch.from_numpy(levelled)[None])[0].numpy()
    array = io.BytesIO()
    np.save(array, db.astype(np.float16))
    files = {
        "wav": wave_bytes(levelled, config.sample_rate),
        "npy": array.getvalue(),
        "png": mel_png(db, seconds, config.hop_length / config.sample_rate),
    }
    return Preview("audio", role, files, index, config.sample_rate)  # type: ignore[arg-type]


def previews(
    codec: Codec, held_out: np.ndarray, seconds: float, seed: int, temperature: float, sound: int
) -> Iterator[Preview]:
    """The held-out sound and its reconstruction, and a new sound from the same noise every time; all equally loud.

    held_out: float32 [T] of peak 1, cut to ``seconds``. sound: which texture to keep to.
    """
    level = even_preview_level(held_out, codec.level or levels.active_rms(held_out))
    yield audio_preview(held_out, "reference", codec.config, seconds, level)
    yield audio_preview(codec.reconstruct(held_out), "recon", codec.config, seconds, level)
    samples = round(seconds * codec.config.sample_rate)
    wave = sample_wave(codec, samples, seed, temperature, sound)
    yield audio_preview(wave, "sample", codec.config, seconds, level)
