"""Which keys and velocities play which sample: pure arithmetic over sounds that are made already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.audio.pitch import Pitch
from engine.errors import ConfigError
from engine.piano_keys import KEYS, key_name
from engine.tasks.vae.instrument.model import FASTEST, Instrument, Loop, Zone

FIRST_KEY = 36


@dataclass(frozen=True)
class Take:
    """One sample of a sound. pitch: None where it has no clear one."""

    sample: str
    pitch: Pitch | None
    loop: Loop | None


@dataclass(frozen=True)
class Voice:
    """A sound with its takes [velocity layer, the softest first][turn]."""

    name: str
    takes: tuple[tuple[Take, ...], ...]

    @property
    def pitch(self) -> Pitch | None:
        """Of the sound itself: its loudest layer's first take."""
        return self.takes[-1][0].pitch


def lay_out(
    name: str, voices: Sequence[Voice], keys: str, choke: Sequence[Sequence[int]], first_key: int | None = None
) -> tuple[Instrument, ...]:
    """The instruments of a kit. ``ConfigError`` for a choke group of keys that play nothing, and for more sounds than
    there are keys from ``first_key`` on.

    keys: "kit" puts each sound on a key of its own. "chromatic" makes an instrument of each that has a clear pitch,
    over all keys; the others sit on keys of their own in the first instrument. first_key: of the first of those; None:
    C2, or as much lower as they need.
    """
    spread = [voice for voice in voices if keys == "chromatic" and voice.pitch is not None]
    single = [voice for voice in voices if voice not in spread]
    first = _first(first_key, len(single))
    groups = _groups(choke, range(first, first + len(single)))
    found = []
    if single:
        zones = [zone for key, voice in enumerate(single, first) for zone in _on_key(voice, key, groups.get(key, 0))]
        found.append(Instrument(name, tuple(zones)))
    return (*found, *(Instrument(f"{name} {voice.name}", tuple(_over_all(voice))) for voice in spread))


def _first(wanted: int | None, sounds: int) -> int:
    lowest = KEYS - sounds
    if wanted is not None and wanted > lowest:
        where = f"{wanted} ({key_name(wanted)})"
        raise ConfigError(
            f"{sounds} sounds from key {where} on reach beyond the last one, {KEYS - 1} ({key_name(KEYS - 1)}).",
            f"Begin at {lowest} ({key_name(lowest)}) or lower, or ask for fewer.",
        )
    return min(FIRST_KEY, lowest) if wanted is None else wanted


def _on_key(voice: Voice, key: int, choke: int) -> Iterator[Zone]:
    for take, place in _places(voice):
        yield Zone(take.sample, voice.name, key, key, key, loop=take.loop, choke=choke, **place)


def _over_all(voice: Voice) -> Iterator[Zone]:
    for take, place in _places(voice):
        pitch = take.pitch or voice.pitch
        assert pitch is not None
        root = min(KEYS - 1, max(0, round(pitch.note)))
        tune = 100 * (root - pitch.note)
        yield Zone(take.sample, voice.name, root, 0, KEYS - 1, tune=tune, loop=take.loop, **place)


def _places(voice: Voice) -> Iterator[tuple[Take, dict[str, int]]]:
    """Each take with its velocities and its turn."""
    layers = len(voice.takes)
    for number, turns in enumerate(voice.takes):
        low, high = FASTEST * number // layers + 1, FASTEST * (number + 1) // layers
        for position, take in enumerate(turns, 1):
            yield take, {"low_velocity": low, "high_velocity": high, "position": position, "turns": len(turns)}


def _groups(choke: Sequence[Sequence[int]], played: range) -> dict[int, int]:
    """Key to number of its group, from 1."""
    found: dict[int, int] = {}
    for number, keys in enumerate(choke, 1):
        for key in keys:
            if key not in played:
                where = " to ".join(f"{one} ({key_name(one)})" for one in (played[0], played[-1])) if played else "none"
                raise ConfigError(f"Key {key} plays no sound of its own.", f"Those that do: {where}.")
            if found.setdefault(key, number) != number:
                raise ConfigError(f"Key {key} is in two choke groups.", "Name it in one.")
    return found
