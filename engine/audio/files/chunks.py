"""The chunk that RIFF files are made of: WAV and SoundFont 2 alike."""

from __future__ import annotations

import struct


def chunk(name: bytes, body: bytes) -> bytes:
    """Four letters, the size of the body, the body, and a zero where that has an odd number of bytes."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
