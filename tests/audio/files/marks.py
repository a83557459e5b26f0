"""What libsndfile, an independent reader, finds of a WAV's marks."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import soundfile

_GET_INSTRUMENT, _GET_LOOP_INFO = 0x10D0, 0x10E0  # of sf_command
_FORWARD = 801


@dataclass(frozen=True)
class SamplerMarks:
    """root: MIDI note. loop: first sample and the one after the last, or None."""

    root: int
    loop: tuple[int, int] | None


@dataclass(frozen=True)
class TempoMarks:
    """metre: (3, 4) is 3/4. root: -1 where it is not told."""

    metre: tuple[int, int]
    loops: bool
    beats: int
    bpm: float
    root: int


def sampler_marks(path: Path) -> SamplerMarks | None:
    # gain; root, detune, velocities and keys; count of loops; then (mode, start, end, count) of sixteen
    data = _asked(path, _GET_INSTRUMENT, 16 + 16 * 16)
    if data is None:
        return None
    root, count = data[4], struct.unpack_from("<i", data, 12)[0]
    mode, start, end = struct.unpack_from("<iII", data, 16)
    assert count <= 1 and (mode == _FORWARD or not count)
    return SamplerMarks(root, (start, end) if count else None)


def tempo_marks(path: Path) -> TempoMarks | None:
    data = _asked(path, _GET_LOOP_INFO, 44)
    if data is None:
        return None
    above, below, mode, beats, bpm, root = struct.unpack_from("<hhiifi", data)
    return TempoMarks((above, below), mode == _FORWARD, beats, bpm, root)


def _asked(path: Path, question: int, size: int) -> bytes | None:
    with soundfile.SoundFile(path) as file:
        answer = soundfile._ffi.new("char[]", size)
        found = soundfile._snd.sf_command(file._file, question, answer, size)
        return bytes(soundfile._ffi.buffer(answer)) if found else None
