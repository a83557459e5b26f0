"""Sounds as files of the formats that audio workstations read.

The same sound gives the same bytes as WAV and as FLAC. An Ogg stream has a serial number that its library draws anew.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Literal

import numpy as np
import soundfile

from engine.audio.files.io import UNMARKED, Subtype, wave_bytes
from engine.audio.files.marks import Marks

Format = Literal["wav", "flac", "ogg"]
BitDepth = Literal[16, 24, 32]

_SUBTYPES: dict[int, Subtype] = {16: "PCM_16", 24: "PCM_24", 32: "FLOAT"}
_WAV_TAGS = {"title": "INAM", "comment": "ICMT", "software": "ISFT"}
_OGG_BLOCK = 1 << 14


def encode_sound(
    wave: np.ndarray,
    sample_rate: int,
    kind: Format = "wav",
    bit_depth: BitDepth = 24,
    *,
    tags: Mapping[str, str] | None = None,
    marks: Marks = UNMARKED,
) -> bytes:
    """A file of ``wave`` [samples] or [samples, channels].

    bit_depth: 32 is float and for WAV only; OGG has none. tags: of title, comment and software. marks: of loop, root
    note and tempo, which WAV alone can hold. Raises ValueError for what the format cannot hold.
    """
    tags = dict(tags or {})
    if kind == "wav":
        info = {_WAV_TAGS[name]: text for name, text in tags.items()}
        return wave_bytes(wave, sample_rate, _SUBTYPES[bit_depth], info=info, marks=marks)
    if kind == "flac":
        if bit_depth == 32:
            raise ValueError("FLAC holds 16 or 24 bits")
        return _by_library(wave, sample_rate, "FLAC", _SUBTYPES[bit_depth], tags)
    return _by_library(wave, sample_rate, "OGG", "VORBIS", tags)


def _by_library(wave: np.ndarray, sample_rate: int, kind: str, subtype: str, tags: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    channels = 1 if wave.ndim == 1 else wave.shape[1]
    with soundfile.SoundFile(out, "w", sample_rate, channels, subtype, format=kind) as file:
        for name, text in tags.items():
            setattr(file, name, text)
        # libsndfile's Vorbis encoder keeps a whole block on the stack: a long one overflows it.
        for start in range(0, len(wave), _OGG_BLOCK):
            file.write(wave[start : start + _OGG_BLOCK])
    return out.getvalue()
