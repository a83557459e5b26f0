"""The checksum that a FLAC file holds of its own sound, which libsndfile does not compare.

STREAMINFO, the first block of the file, has the MD5 of all samples: interleaved, little-endian, each in as many whole
bytes as its bits need (RFC 9639, section 8.2). Frames have checksums too, but a file that was put together from frames
of others, or changed by a program that forgot this one, decodes without a complaint.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

_STREAMINFO = 4 + 4 + 34  # "fLaC", the head of the block, the block


class StatedSum:
    """The MD5 that a file states, to be held against its samples as they are read. Raises nothing."""

    def __init__(self, stated: bytes, bits: int) -> None:
        self._stated, self._bits = stated, bits
        self._found = hashlib.md5(usedforsecurity=False)

    def update(self, block: np.ndarray) -> None:
        """Take in float32 [frames, channels], full scale 1: of at most 24 bits, so each is exactly one whole number."""
        whole = np.rint(block * np.float32(2 ** (self._bits - 1))).astype("<i4")
        size = -(-self._bits // 8)
        self._found.update(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :size].tobytes())

    @property
    def fits(self) -> bool:
        """Whether what was taken in is what the file says it is."""
        return self._found.digest() == self._stated


def stated_sum(path: Path) -> StatedSum | None:
    """What the file states; None when it is no plain FLAC, states nothing, or has more than 24 bits. Raises OSError."""
    with path.open("rb") as file:
        head = file.read(_STREAMINFO)
    if len(head) < _STREAMINFO or head[:4] != b"fLaC" or head[4] & 0x7F != 0:
        return None
    bits = ((int.from_bytes(head[20:22], "big") >> 4) & 0x1F) + 1
    stated = head[26:42]
    return StatedSum(stated, bits) if any(stated) and bits <= 24 else None
