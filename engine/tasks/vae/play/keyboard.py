"""Which key plays which sound, and how much faster than it was made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.piano_keys import key_name
from engine.tasks.vae.instrument.layout import first_key
from engine.tasks.vae.instrument.model import FASTEST

MIDDLE_KEY = 60  # plays a sound without a clear pitch as it is


@dataclass(frozen=True)
class Keyboard:
    """sounds: how many keys of a kit have one; a chromatic keyboard has one sound for all keys."""

    keys: Literal["kit", "chromatic"]
    sounds: int

    @property
    def slots(self) -> int:
        """How many sounds there are at a spot."""
        return self.sounds if self.keys == "kit" else 1

    @property
    def first(self) -> int:
        """The lowest key; a large kit begins lower, as the instruments do."""
        return first_key(None, self.sounds) if self.keys == "kit" else 0

    def slot(self, key: int) -> int | None:
        """Number of the key's sound; None where it has none."""
        if self.keys == "chromatic":
            return 0
        return key - self.first if 0 <= key - self.first < self.sounds else None

    def ratio(self, key: int, note: float | None) -> float:
        """For a sound of this ``note``: in tune on a chromatic keyboard, as it was made on a key of a kit."""
        if self.keys == "kit":
            return 1.0
        root = MIDDLE_KEY if note is None else note
        return float(2 ** ((key - root) / 12))

    @property
    def words(self) -> str:
        if self.keys == "chromatic":
            return "one sound over all keys"
        first, last = (f"{key} ({key_name(key)})" for key in (self.first, self.first + self.sounds - 1))
        return (
            f"{self.sounds} sounds on the keys {first} to {last}"
            if self.sounds > 1
            else f"one sound on the key {first}"
        )


def gain(velocity: int) -> float:
    """40 log10(v / 127) dB as a factor: what SFZ and SoundFont 2 do."""
    return (velocity / FASTEST) ** 2
