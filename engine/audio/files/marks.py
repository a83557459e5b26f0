"""What a WAV says of its sound beside its samples: loop, root note, tempo. Samplers and workstations go by it.

The layout of ``smpl`` is that of Microsoft's and IBM's Multimedia Data Standards Update (1994). ``acid`` was never
published; its layout is the one that libsndfile reads.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

MIDDLE_C = 60
_ROOT_SET, _STRETCH = 0x02, 0x04
_QUARTER = 4  # what a beat is


@dataclass(frozen=True)
class Tempo:
    """bpm: quarter notes a minute. beats: quarter notes in the whole file. beats_per_bar: as in 3/4."""

    bpm: float
    beats: int
    beats_per_bar: int


@dataclass(frozen=True)
class Marks:
    """loop: the whole file goes round. root: the MIDI note (0 to 127) that plays it as it is, None where it has none.

    tempo: of a loop in time, None of every other sound.
    """

    loop: bool = False
    root: int | None = None
    tempo: Tempo | None = None


def mark_chunks(marks: Marks, samples: int, sample_rate: int) -> Iterator[tuple[bytes, bytes]]:
    """The chunks (name, body) that say ``marks`` of a sound of so many samples; none where there is nothing to say."""
    if samples and (marks.loop or marks.root is not None):
        yield b"smpl", _sampler(marks, samples, sample_rate)
    if samples and marks.tempo is not None:
        yield b"acid", _acid(marks.root, marks.tempo)


def _sampler(marks: Marks, samples: int, sample_rate: int) -> bytes:
    """Root note, and for a loop one endless forward one over all samples; the last one belongs to it."""
    root = MIDDLE_C if marks.root is None else marks.root
    header = struct.pack("<9I", 0, 0, round(1e9 / sample_rate), root, 0, 0, 0, int(marks.loop), 0)
    return header + (struct.pack("<6I", 0, 0, 0, samples - 1, 0, 0) if marks.loop else b"")


def _acid(root: int | None, tempo: Tempo) -> bytes:
    """A loop that may be stretched to another tempo. The denominator of its metre comes first."""
    flags = _STRETCH | (0 if root is None else _ROOT_SET)
    note = MIDDLE_C if root is None else root
    metre = (_QUARTER, tempo.beats_per_bar)
    return struct.pack("<IHHfIHHf", flags, note, 0x8000, 0.0, tempo.beats, *metre, tempo.bpm)
