"""How much a MIDI file would unfold to, before mido makes an object of each message: a byte or two can be one."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

_META, _SYSTEM_EXCLUSIVE = 0xFF, (0xF0, 0xF7)
_MOST_DIGITS = 4  # of a number of variable length, by the standard: without it a file could be one number


def more_than(most: int, data: bytes, specs: Mapping[int, Any]) -> bool:
    """Whether the MIDI file ``data`` has more than ``most`` messages; looks at no more of them.

    specs: of each message by its status byte, as mido has them. ``ValueError`` for what is no MIDI file.
    """
    try:
        name, size, tracks = struct.unpack_from(">4sI2xH", data)
        if name != b"MThd":
            raise ValueError("it does not begin as one")
        at, left = 8 + size, most
        for _ in range(tracks):
            name, size = struct.unpack_from(">4sI", data, at)
            if name != b"MTrk":
                raise ValueError("something else stands where a track should begin")
            at += 8 + size
            left -= _count(data[at - size : at], left, specs)
            if left < 0:
                return True
    except (IndexError, struct.error):
        raise ValueError("it ends too early") from None
    return False


def _count(track: bytes, most: int, specs: Mapping[int, Any]) -> int:
    """The messages of a track, up to one more than ``most``. ``IndexError`` where the last one goes beyond its end."""
    at = count = running = 0
    while at < len(track) and count <= most:
        count += 1
        _, at = _number(track, at)
        status = track[at]
        if status < 0x80:  # that of the message before holds on
            status = running
        else:
            at += 1
            running = running if status == _META else status
        if status == _META or status in _SYSTEM_EXCLUSIVE:
            length, at = _number(track, at + (status == _META))
            at += length
        elif status in specs:
            at += specs[status]["length"] - 1
        else:
            raise ValueError(f"it has a message of no kind, {status:#04x}")
    if at > len(track):
        raise IndexError
    return count


def _number(track: bytes, at: int) -> tuple[int, int]:
    """A number of variable length, and where it ends."""
    value = 0
    for place in range(at, at + _MOST_DIGITS):
        value = value << 7 | track[place] & 0x7F
        if track[place] < 0x80:
            return value, place + 1
    raise ValueError("one of its times or lengths does not end")
