"""What a run lets one hear: new sounds from fixed noise, and one held-out sound beside its reconstruction.

Letters: T samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from engine import rng
from engine.audio import finish, levels
from engine.audio.files.io import AudioError, read_beginning, wave_bytes
from engine.audio.levels import beginning
from engine.audio.mel import AudioSpectrogram
from engine.audio.picture import mel_png
from engine.audio.settings import SpectrogramConfig
from engine.audio.stereo import StereoImage, laid_out, middle_of
from engine.collection.collection import Sound
from engine.task import Preview
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.prior import OneShotPrior

HEADROOM_DB = 8.0
SILENT_DB, AFTER_S = 60.0, 0.1  # one-shots end where nothing is heard any more, and a moment later


@dataclass(frozen=True)
class HeldOut:
    """The beginning of a recording: float32 [T], or [T, 2] of a stereo one, and how that lies between its channels."""

    wave: np.ndarray
    image: StereoImage | None = None

    @classmethod
    def of(cls, sound: Sound, mono: np.ndarray, sample_rate: int) -> HeldOut:
        """``sound`` as its file has it now; where that is mono or gone, or cannot be read, what is known of it.

        mono: float32 [T] of peak 1, the beginning of what was decoded of it.
        """
        if sound.image is None:
            return cls(mono)
        try:
            wave, image = read_beginning(sound.file, sample_rate, len(mono) / sample_rate)
        except (AudioError, OSError):
            return cls(mono)
        return cls(finish.lengthen(wave[: len(mono)], len(mono)), image)


def sample_wave(codec: Codec, samples: int, seed: int, temperature: float, sound: int) -> np.ndarray:
    """New sound [T], or [T, 2] of a stereo collection: a texture in one piece of ``samples``, or as many one-shots in a
    row as fit in there, until the last of them has died away."""
    rate = codec.config.sample_rate
    if not isinstance(codec.prior, OneShotPrior):
        drawn = codec.sample_codes(1, codec.config.frames(samples), seed, temperature, sound)
        return finish.fade_edges(_sounds(codec, *drawn, samples, seed)[0], rate)
    count = max(1, round(samples / (codec.frames_of(codec.prior.frames) * codec.config.hop_length)))
    cell = samples // count
    drawn = codec.sample_codes(count, codec.config.frames(cell), seed, temperature)
    waves = [finish.one_shot_edges(wave, rate) for wave in _sounds(codec, *drawn, cell, seed)]
    return _until_silent(np.concatenate(waves), rate)


def _until_silent(wave: np.ndarray, rate: int) -> np.ndarray:
    """``wave`` without the silence at its end: of a drum that is heard for 0.7 s there were 3.3 s of it."""
    heard = len(wave) - beginning(np.abs(wave).max(axis=1)[::-1] if wave.ndim > 1 else wave[::-1], SILENT_DB)
    return wave[: heard + round(AFTER_S * rate)]


def _sounds(codec: Codec, codes: torch.Tensor, beside: list[int], samples: int, seed: int) -> list[np.ndarray]:
    """Waves [samples], or [samples, 2] of a stereo collection, of the codes [B, D, L] of new sounds.

    beside: the training sounds as which they begin and lie.
    """
    db = codec.sounding(codes, codec.config.frames(samples), beside)
    middles = codec.to_wave(codec.roughen(db, rng.generator(seed, "sample-texture")), samples)
    images = [image for sound in beside if (image := codec.image_of(sound))]
    if not images:
        return list(middles)
    others = codec.to_wave(codec.roughen(db, rng.generator(seed, "sample-side")), samples, variant=1)
    laid = zip(middles, others, images, strict=True)
    return [laid_out(middle, other, image, codec.config.sample_rate, whole=True) for middle, other, image in laid]


def even_preview_level(held_out: np.ndarray, level: float) -> float:
    """The level of all previews of a run: ``level``, or less where the held-out sound [T] or [T, 2] would come within
    8 dB of the limit of its peak. Its copies are spikier: over ten drums by up to 7 dB, by 7.7 after a few updates.
    """
    room = levels.from_db(levels.CEILING_DB - HEADROOM_DB) * levels.active_rms(middle_of(held_out))
    return min(level, room / levels.peak(held_out)) if room else level


def audio_preview(wave: np.ndarray, role: str, config: SpectrogramConfig, seconds: float, level: float) -> Preview:
    """A wave [T] or [T, 2] as sound, and its middle as mel spectrogram and picture, at the level all previews of a run
    share."""
    levelled = finish.level_out(wave, level)
    with torch.inference_mode():
        db = AudioSpectrogram(config)(torch.from_numpy(middle_of(levelled))[None])[0].numpy()
    array = io.BytesIO()
    np.save(array, db.astype(np.float16))
    files = {
        "wav": wave_bytes(levelled, config.sample_rate),
        "npy": array.getvalue(),
        "png": mel_png(db, seconds, config.hop_length / config.sample_rate),
    }
    return Preview("audio", role, files, sample_rate=config.sample_rate)  # type: ignore[arg-type]


def previews(
    codec: Codec, held_out: HeldOut, seconds: float, seed: int, temperature: float, sound: int
) -> Iterator[Preview]:
    """The held-out sound and its reconstruction, and a new sound from the same noise every time; all equally loud, but
    for a new one that is too spiky for it, as many are after a few updates.

    held_out: cut to ``seconds``. sound: which texture to keep to.
    """
    middle = middle_of(held_out.wave)
    level = even_preview_level(held_out.wave, codec.level or levels.active_rms(middle))
    yield audio_preview(held_out.wave, "reference", codec.config, seconds, level)
    yield audio_preview(codec.reconstruct(middle, image=held_out.image), "recon", codec.config, seconds, level)
    samples = round(seconds * codec.config.sample_rate)
    wave = sample_wave(codec, samples, seed, temperature, sound)
    yield audio_preview(wave, "sample", codec.config, seconds, level)
