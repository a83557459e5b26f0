"""What a worn medium does to a file: one bit is another."""

from __future__ import annotations

from pathlib import Path


def flip(path: Path, byte: int, bit: int = 3) -> None:
    """Turn one bit where it lies; once more, and it is as it was. A file written anew would be flushed each time."""
    with path.open("r+b") as file:
        file.seek(byte)
        (value,) = file.read(1)
        file.seek(byte)
        file.write(bytes([value ^ 1 << bit]))
