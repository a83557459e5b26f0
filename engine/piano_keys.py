"""Keys by their numbers and names: MIDI notes 0 to 127, of which 60 is C4."""

from __future__ import annotations

import re

from engine.errors import ConfigError

KEYS = 128
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_WHOLE = {name.lower(): number for number, name in enumerate(_NAMES) if len(name) == 1}
_SHIFT = {"#": 1, "b": -1, "": 0}
_CALLED = re.compile(r"(\d{1,3})|([a-g])([#b]?)(-1|\d)")


def key_name(key: int) -> str:
    """A key as musicians call it: 60 is C4."""
    return f"{_NAMES[key % 12]}{key // 12 - 1}"


def key_of(text: str) -> int | None:
    """The key that ``text`` names, as a MIDI note ("42") or as musicians call it ("F#2", "gb2"); None where it names
    none."""
    found = _CALLED.fullmatch(text.strip().lower())
    if found is None:
        return None
    number, letter, sharp, octave = found.groups()
    key = int(number) if number else _WHOLE[letter] + _SHIFT[sharp] + 12 * (int(octave) + 1)
    return key if 0 <= key < KEYS else None


def asked_key(text: str, what: str) -> int:
    """:func:`key_of` of what was asked for as ``what``; ``ConfigError`` where it names none."""
    key = key_of(text)
    if key is None:
        raise ConfigError(f"{what} {text} names no key.", "Name one as a MIDI note, 42, or as F#2, from C-1 to G9.")
    return key


def asked_keys(text: str, what: str) -> list[int]:
    """Keys with commas between them, each as :func:`asked_key` reads it."""
    return [asked_key(part, what) for part in text.split(",")]
