"""WAV files whose header was never finished, or contradicts the file: what libsndfile takes at its word.

A recorder writes the sizes of a WAV at the very end; when its battery dies first they stay zero, and the sound behind
the header is whole. Nothing here changes a file: :class:`Mended` shows it with the size put right.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MOST_CHUNKS = 1_000
_HEADER = 12
_IN_DS64 = 0xFFFF_FFFF  # a size that stands in the ds64 chunk instead
_FLOOR = 1_000  # bytes behind the sound that are worth a word


@dataclass(frozen=True)
class Sizes:
    """What a WAV says of itself. mend: (offset, bytes) that make its sound reach to the end of the file, where its
    size was never written. beyond: bytes behind the sound that are no chunks either. fault: why it cannot be read.
    """

    mend: tuple[int, bytes] | None = None
    beyond: int = 0
    fault: str | None = None


@dataclass(frozen=True)
class _Chunk:
    name: bytes
    start: int  # of its body
    size: int

    @property
    def next(self) -> int:
        return self.start + self.size + self.size % 2


def sizes(path: Path) -> Sizes:
    """Read the chunk headers of ``path``; ``Sizes()`` for what is no WAV. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_HEADER)
        if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
            return Sizes()
        end = file.seek(0, os.SEEK_END)
        chunks: dict[bytes, _Chunk] = {}
        for chunk in _chunks(file, _HEADER, end):
            chunks.setdefault(chunk.name, chunk)
            if chunk.name == b"data":
                break
        fault = _fault(file, chunks)
        data = chunks.get(b"data")
        if fault or data is None:
            return Sizes(fault=fault)
        return _measured(file, data, chunks.get(b"ds64"), end)


def _chunks(file: BinaryIO, start: int, end: int) -> Iterator[_Chunk]:
    for _ in range(_MOST_CHUNKS):
        file.seek(start)
        head = file.read(8)
        if len(head) < 8:
            return
        chunk = _Chunk(head[:4], start + 8, struct.unpack("<I", head[4:])[0])
        yield chunk
        start = chunk.next
        if start >= end:
            return


def _fault(file: BinaryIO, chunks: dict[bytes, _Chunk]) -> str | None:
    """What is wrong with the description of the samples, when that much is clear."""
    if b"fmt " not in chunks:
        return "damaged: its header does not say how the sound is stored" if b"data" in chunks else None
    if b"data" not in chunks:
        if all(map(_is_name, chunks)):
            return "cut off: the file ends before its sound begins"
        return "damaged: a part of its header has a wrong length; export it again"
    file.seek(chunks[b"fmt "].start)
    try:
        kind, channels, rate = struct.unpack("<HHI", file.read(8))
    except struct.error:
        return None
    for value, what in ((channels, "channels"), (rate, "samples a second")):
        if value == 0:
            return f"damaged header: it says 0 {what}"
    known = (1, 2, 3, 6, 7, 0x10, 0x11, 0x31, 0x40, 0x55, 0xFFFE)
    return None if kind in known else f"its codec (number {kind} in a WAV) cannot be read: save it as PCM"


def _measured(file: BinaryIO, data: _Chunk, ds64: _Chunk | None, end: int) -> Sizes:
    size, place, width = data.size, data.start - 4, 4
    if size == _IN_DS64 and ds64 is not None:
        place, width = ds64.start + 8, 8
        file.seek(place)
        size = int.from_bytes(file.read(width), "little")
    rest = end - data.start
    if size == 0:
        if rest and not _are_chunks(file, data.start, end):
            return Sizes(mend=(place, min(rest, 256**width - 2).to_bytes(width, "little")))
        return Sizes()
    behind = data.start + size + size % 2
    if end - behind < _FLOOR or _are_chunks(file, behind, end):
        return Sizes()
    return Sizes(beyond=end - behind)


def _are_chunks(file: BinaryIO, start: int, end: int) -> bool:
    """Whether the bytes from ``start`` on are chunks with readable names that end where the file does."""
    for chunk in _chunks(file, start, end):
        if not _is_name(chunk.name):
            return False
        if chunk.next >= end:
            return chunk.next - end <= 1
    return start >= end


def _is_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)


class Mended(io.FileIO):
    """A file read as though ``mend`` stood in it."""

    def __init__(self, path: Path, mend: tuple[int, bytes]) -> None:
        super().__init__(path)
        self._at, self._bytes = mend

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        start = self.tell()
        count = super().readinto(buffer) or 0
        view = memoryview(buffer).cast("B")
        for offset, byte in enumerate(self._bytes, self._at - start):
            if 0 <= offset < count:
                view[offset] = byte
        return count
