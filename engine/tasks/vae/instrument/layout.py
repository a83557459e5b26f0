"""Which keys and velocities play which sample: pure arithmetic over sounds that are made already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

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


def first_key(wanted: int | None, sounds: int) -> int:
    """Of so many sounds on keys of their own: the wanted one, C2 where none is, or as much lower as they need."""
    return min(FIRST_KEY if wanted is None else wanted, KEYS - sounds)


def check_keys(sounds: int, keys: str, choke: Sequence[Sequence[int]], wanted: int | None) -> None:
    """What can be known before a sound is made: ``ConfigError`` for a choke group of keys that surely play nothing of
    their own, and for more sounds of a kit than there are keys from the ``wanted`` first one on.

    Which of a chromatic one have a clear pitch, and no key of their own, is not known: there they may take less.
    """
    first = first_key(wanted, sounds)
    if keys == "kit" and wanted is not None and wanted > first:
        raise ConfigError(
            f"{sounds} sounds from key {_named(wanted)} on reach beyond the last one, {_named(KEYS - 1)}.",
            f"Begin at {_named(first)} or lower, or ask for fewer.",
        )
    start = FIRST_KEY if wanted is None else wanted
    played = range(first, min(KEYS, start + sounds))
    for key in chain.from_iterable(choke):
        if key not in played:
            where = " to ".join(map(_named, dict.fromkeys((played[0], played[-1]))))
            raise ConfigError(f"Key {key} plays no sound of its own.", f"Those that do: {where}.")


def lay_out(
    name: str, voices: Sequence[Voice], keys: str, choke: Sequence[Sequence[int]], wanted: int | None = None
) -> tuple[Instrument, ...]:
    """The instruments of a kit.

    keys: "kit" puts each sound on a key of its own. "chromatic" makes an instrument of each that has a clear pitch,
    over all keys; the others sit on keys of their own in the first instrument. choke: groups of those keys. wanted: the
    first of them, see :func:`first_key`.
    """
    single = alone(voices, keys)
    first = first_key(wanted, len(single))
    groups = {key: number for number, group in enumerate(choke, 1) for key in group}
    found = []
    if single:
        zones = [zone for key, voice in enumerate(single, first) for zone in _on_key(voice, key, groups.get(key, 0))]
        found.append(Instrument(name, tuple(zones)))
    spread = (voice for voice in voices if voice not in single)
    return (*found, *(Instrument(f"{name} {voice.name}", tuple(_over_all(voice))) for voice in spread))


def alone(voices: Sequence[Voice], keys: str) -> list[Voice]:
    """Those on a key of their own."""
    return [voice for voice in voices if keys == "kit" or voice.pitch is None]


def left_out(voices: Sequence[Voice], keys: str, choke: Sequence[Sequence[int]], wanted: int | None) -> Iterator[str]:
    """A sentence for each wish that came to nothing, as it was known only when the sounds were there."""
    single = alone(voices, keys)
    first = first_key(wanted, len(single))
    if wanted is not None and not single:
        yield "The first key says nothing: each of these sounds has a clear pitch and goes over the whole keyboard."
    elif wanted is not None and first < wanted:
        yield f"The {len(single)} sounds on keys of their own begin at {_named(first)}: higher they do not fit."
    silent = sorted({key for key in chain.from_iterable(choke) if key not in range(first, first + len(single))})
    if silent:
        yield f"Choked keys that play no sound of their own: {', '.join(map(_named, silent))}."


def _named(key: int) -> str:
    return f"{key} ({key_name(key)})"


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
