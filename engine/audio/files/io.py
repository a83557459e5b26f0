"""Waves from files and to files. A wave is float32, [samples] or [samples, channels], full scale 1."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import numpy as np

from engine.audio.files.chunks import chunk
from engine.audio.files.marks import Marks, mark_chunks
from engine.audio.files.stream import MAX_DURATION_S, MOST_CHANNELS, AudioError, SoundFile, TooLongError
from engine.audio.files.verdict import failure
from engine.audio.stereo import StereoImage, middle_of
from engine.errors import DataError
from engine.quantities import duration
from engine.rundir.atomic import replace_bytes

Subtype = Literal["PCM_16", "PCM_24", "FLOAT"]
UNMARKED = Marks()

__all__ = [
    "MAX_DURATION_S",
    "AudioError",
    "Subtype",
    "TooLongError",
    "read_beginning",
    "read_stereo",
    "read_usable",
    "read_wave",
    "unusable",
    "wave_bytes",
    "write_wave",
]


def read_wave(path: Path, sample_rate: int) -> np.ndarray:
    """The sound of any readable file as float32 [samples] at ``sample_rate`` Hz, channels averaged, level untouched.

    Samples that are no numbers become silence. Raises AudioError when there is no sound in it, or more than three
    hours of it.
    """
    source = SoundFile(path, sample_rate)
    return _read(source, source.blocks(), MAX_DURATION_S)


def read_usable(path: Path, sample_rate: int, most_s: float = MAX_DURATION_S) -> tuple[np.ndarray, StereoImage | None]:
    """:func:`read_wave` and how the sound lies between two channels, None of a mono one; AudioError also for what a
    scan of a collection leaves out, in the same words. TooLongError, at once where the file tells it and after
    ``most_s`` where not, for a longer one."""
    source = SoundFile(path, sample_rate, min(most_s + 1, MAX_DURATION_S))
    wave = _read(source, source.blocks(), most_s)
    reason = failure(source, float(wave.min(initial=np.inf)), float(wave.max(initial=-np.inf)))
    if reason is not None:
        raise AudioError(reason)
    return wave, _image(source)


def read_stereo(path: Path, sample_rate: int, most_s: float = MAX_DURATION_S) -> tuple[np.ndarray, StereoImage | None]:
    """A stereo sound as it is, [samples, 2], and how it lies between both channels; of any other what
    :func:`read_wave` says, and None. A side 40 dB below the middle makes no stereo. TooLongError as
    :func:`read_usable` says."""
    return _in_stereo(SoundFile(path, sample_rate, min(most_s + 1, MAX_DURATION_S)), most_s)


def read_beginning(path: Path, sample_rate: int, seconds: float) -> tuple[np.ndarray, StereoImage | None]:
    """What :func:`read_stereo` gives, of no more than the first ``seconds``."""
    return _in_stereo(SoundFile(path, sample_rate, min(seconds, MAX_DURATION_S)), None)


def _in_stereo(source: SoundFile, most_s: float | None) -> tuple[np.ndarray, StereoImage | None]:
    wave = _read(source, source.blocks(mixed=False), most_s)
    image = _image(source)
    return wave if image is not None else middle_of(wave), image


def unusable(path: Path, error: AudioError | OSError, remedy: str) -> DataError:
    """What is said of a file that was named and cannot be used."""
    why = error.in_sentence if isinstance(error, AudioError) else (error.strerror or str(error)).lower()
    return DataError(f"{path} cannot be used: {why}.", remedy)


def _too_long(most_s: float) -> TooLongError:
    return TooLongError(f"longer than {duration(most_s)}: cut it into pieces")


def _image(source: SoundFile) -> StereoImage | None:
    return source.stereo.image() if source.stereo is not None else None


def _read(source: SoundFile, waves: Iterable[np.ndarray], most_s: float | None) -> np.ndarray:
    """All of ``waves``, the blocks of ``source``. most_s: what it may last; None: it may end before the file does."""
    if most_s is not None:
        source.refuse_crowd(most_s)
        if source.known_s > most_s:
            source.close()
            raise _too_long(most_s)
    blocks = list(waves)
    if most_s is not None and (source.shortened or source.duration_s > most_s):
        raise source.crowd(source.duration_s) if source.channels > MOST_CHANNELS else _too_long(most_s)
    if not source.frames:
        raise AudioError("empty: no sample of it can be read")
    return np.concatenate(blocks)


def write_wave(path: Path, wave: np.ndarray, sample_rate: int, subtype: Subtype = "PCM_16") -> None:
    """Write a WAV whole or not at all: a reader never sees a part of it. Raises OSError."""
    replace_bytes(path, wave_bytes(wave, sample_rate, subtype), durable=False)


def wave_bytes(
    wave: np.ndarray,
    sample_rate: int,
    subtype: Subtype = "PCM_16",
    *,
    info: Mapping[str, str] | None = None,
    marks: Marks = UNMARKED,
) -> bytes:
    """A WAV file of ``wave``, [samples] or [samples, channels]. The same wave gives the same bytes on every machine
    and at every hour.

    libsndfile writes the time of day into float files (the PEAK chunk), hence a header of our own. The integer
    formats clip at full scale; FLOAT keeps what is above. info: RIFF's four-letter tags (INAM, ISFT ...). marks: what
    samplers and workstations are told of it. Raises ValueError for samples that are no numbers.
    """
    if wave.ndim not in (1, 2):
        raise ValueError(f"a wave has one or two dimensions, not {wave.ndim}")
    if not np.isfinite(wave).all():
        raise ValueError("a wave with NaN or infinite samples cannot be written")
    data = _samples(wave, subtype)
    if len(data) > 0xFFFF_FF00:
        raise ValueError("a WAV file holds at most 4 GiB")
    bits = {"PCM_16": 16, "PCM_24": 24, "FLOAT": 32}[subtype]
    kind = 3 if subtype == "FLOAT" else 1
    channels = 1 if wave.ndim == 1 else wave.shape[1]
    block = channels * bits // 8
    form = struct.pack("<HHIIHH", kind, channels, sample_rate, sample_rate * block, block, bits)
    chunks = chunk(b"fmt ", form)
    if subtype == "FLOAT":  # every format but integer PCM has a size of extensions and a count of samples
        chunks = chunk(b"fmt ", form + struct.pack("<H", 0)) + chunk(b"fact", struct.pack("<I", len(wave)))
    chunks += chunk(b"data", data)
    chunks += b"".join(chunk(name, body) for name, body in mark_chunks(marks, len(wave), sample_rate))
    if info:
        tags = b"".join(chunk(name.encode("ascii"), text.encode() + b"\0") for name, text in info.items())
        chunks += chunk(b"LIST", b"INFO" + tags)
    return chunk(b"RIFF", b"WAVE" + chunks)


def _samples(wave: np.ndarray, subtype: Subtype) -> bytes:
    if subtype == "FLOAT":
        return wave.astype("<f4").tobytes()
    top = 2**15 if subtype == "PCM_16" else 2**23
    whole = np.clip(np.rint(wave.astype(np.float64) * top), -top, top - 1)
    if subtype == "PCM_16":
        return whole.astype("<i2").tobytes()
    return whole.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
