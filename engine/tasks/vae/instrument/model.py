"""What an instrument is, whatever format says it: samples, and the zones of keys and velocities that play them.

Keys are MIDI notes, 60 is C4; velocities go from 1 to 127. A velocity v plays at 40 log10(v / 127) dB: what SFZ and
SoundFont 2 do unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from engine.audio.pitch import Pitch

FASTEST = 127
ATTACK_S = 0.005  # of a loop that begins anywhere in its sound
RELEASE_S = 0.3


@dataclass(frozen=True)
class Sample:
    """A WAV file of the kit. wave: float [T] or [T, 2], full scale 1. data: the file. pitch: None where it has no clear
    one."""

    wave: np.ndarray
    sample_rate: int
    data: bytes
    pitch: Pitch | None = None


@dataclass(frozen=True)
class Loop:
    """Samples ``start`` to ``end``, the last not among them, over and over while the key is held.

    attack_s: how fast it fades in when its key is struck.
    """

    start: int
    end: int
    attack_s: float = ATTACK_S

    @property
    def last(self) -> int:
        """The last sample of it, which some formats name in place of the one after it."""
        return self.end - 1


@dataclass(frozen=True)
class Zone:
    """Keys and velocities that play one sample. All bounds belong to it.

    sample: its file. sound: what one would call it; variations share it. root: the key that plays it as it is, but for
    ``tune`` cents, which put it in tune there. position: its turn (from 1) among the ``turns`` variations of these keys
    and velocities. loop: None for a one-shot, which plays to its end whether or not its key is let go. choke: of one
    group above 0, a new sound cuts off what still rings; 0 is none.
    """

    sample: str
    sound: str
    root: int
    low_key: int
    high_key: int
    low_velocity: int = 1
    high_velocity: int = FASTEST
    tune: float = 0.0
    position: int = 1
    turns: int = 1
    loop: Loop | None = None
    choke: int = 0

    @property
    def cents(self) -> int:
        """``tune`` as formats say it."""
        return round(self.tune)


@dataclass(frozen=True)
class Instrument:
    """One program of a sampler."""

    name: str
    zones: tuple[Zone, ...]

    @property
    def sounds(self) -> dict[str, list[Zone]]:
        """The zones of each sound, in their order."""
        found: dict[str, list[Zone]] = {}
        for zone in self.zones:
            found.setdefault(zone.sound, []).append(zone)
        return found


@dataclass(frozen=True)
class Kit:
    """Instruments over one folder of samples. about: where it comes from, in a line. remarks: sentences for people.

    threads: that made its samples, of whose number their last bits speak; None where no model did.
    """

    name: str
    about: str
    instruments: tuple[Instrument, ...]
    samples: Mapping[str, Sample] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    threads: int | None = None
