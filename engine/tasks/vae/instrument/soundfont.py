"""SoundFont 2 (E-mu's technical specification 2.01): all instruments of a kit in one file, one preset each.

It knows no variations that take turns, so each zone's first one is in it. Its samples have 16 bits; both sides of a
stereo sample are samples of their own that name one another, each at the level that a mono sample has on one side.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engine import __version__
from engine.audio.files.chunks import chunk
from engine.tasks.vae.instrument.model import RELEASE_S, Instrument, Kit, Loop, Sample, Zone

_MONO, _RIGHT, _LEFT = 1, 2, 4
_SUFFIX = {_MONO: "", _RIGHT: "_R", _LEFT: "_L"}
_SILENCE = 46  # samples of zero that must follow each
_LETTERS = 19  # of a name, and a zero
_BESIDE_MONO = math.sqrt(0.5)  # each side of a pair is played as it is, a mono sample 3 dB lower on either: equal power
_LEAD_S = 0.0015  # of zeros before each: fluidsynth raises a note over its first 64 samples, a stroke's click with it
_AROUND = 8  # samples of the loop that must lie on either side of it, for who interpolates
_FASTEST_ATTACK = -12_000  # timecents: 1 ms, and what a file says that says nothing
_LONGEST_RELEASE = 8_000  # timecents: 102 s for 100 dB

# Generators, by their numbers in section 8.1.2.
_PAN, _ATTACK, _RELEASE, _INSTRUMENT = 17, 34, 38, 41
_KEYS, _VELOCITIES, _FINE, _SAMPLE, _MODES, _CHOKE, _ROOT = 43, 44, 52, 53, 54, 57, 58


@dataclass(frozen=True)
class _Side:
    """A mono sample of the file. loop: within ``data``. kind, link: what it is, and which one is its other side."""

    name: str
    data: np.ndarray
    loop: Loop
    rate: int
    kind: int
    link: int


def soundfont(kit: Kit) -> bytes:
    """The .sf2 file of a kit."""
    loops = {zone.sample: zone.loop for one in kit.instruments for zone in one.zones}
    first = list(dict.fromkeys(zone.sample for one in kit.instruments for zone in one.zones if zone.position == 1))
    sides = list(_sides(first, kit.samples, loops))
    numbers: dict[str, list[int]] = {}
    for number, side in enumerate(sides):
        numbers.setdefault(side.name, []).append(number)
    pool, headers = _pool(sides, kit.name)
    info = _list(
        b"INFO",
        chunk(b"ifil", struct.pack("<HH", 2, 1)),
        chunk(b"isng", _text("EMU8000")),
        chunk(b"INAM", _text(kit.name, 255)),
        chunk(b"ICMT", _text(kit.about, 65_535)),
        chunk(b"ISFT", _text(f"Sweetspot {__version__}")),
    )
    data = _list(b"pdta", *_presets(kit.instruments), *_instruments(kit.instruments, numbers, sides), headers)
    return chunk(b"RIFF", b"sfbk" + info + _list(b"sdta", chunk(b"smpl", pool)) + data)


def _sides(names: Sequence[str], samples: Mapping[str, Sample], loops: Mapping[str, Loop | None]) -> Iterator[_Side]:
    number = 0
    for name in names:
        sample, loop = samples[name], loops[name]
        columns = sample.wave.reshape(len(sample.wave), -1).T
        kinds = (_MONO,) if len(columns) == 1 else (_LEFT, _RIGHT)
        full = 2**15 if len(columns) == 1 else 2**15 * _BESIDE_MONO
        for column, kind in zip(columns, kinds, strict=True):
            whole = np.clip(np.rint(column.astype(np.float64) * full), -(2**15), 2**15 - 1).astype("<i2")
            link = {_MONO: 0, _LEFT: number + 1, _RIGHT: number - 1}[kind]
            lead = math.ceil(_LEAD_S * sample.sample_rate)
            yield _Side(name, *_with_surroundings(whole, loop, lead), sample.sample_rate, kind, link)
            number += 1


def _with_surroundings(wave: np.ndarray, loop: Loop | None, lead: int) -> tuple[np.ndarray, Loop]:
    """A sample and its loop as the format wants them, after ``lead`` zeros: eight samples of the loop's turn on either
    side of it."""
    silence = np.zeros(lead, wave.dtype)
    if loop is None:
        return np.concatenate([silence, wave]), Loop(0, 0)
    turn = wave[loop.start : loop.end]
    after = turn[np.arange(2 * _AROUND) % len(turn)]
    shift = lead + _AROUND
    return np.concatenate([silence, wave[: loop.end], after]), Loop(loop.start + shift, loop.end + shift)


def _pool(sides: Sequence[_Side], kit: str) -> tuple[bytes, bytes]:
    """All samples one after the other, and the chunk that says where each lies; without the name of their kit, which
    would fill theirs."""
    parts, headers, place = [], [], 0
    names = _names(side.name.removeprefix(f"{kit}-").removesuffix(".wav") + _SUFFIX[side.kind] for side in sides)
    for side, name in zip(sides, names, strict=True):
        end = place + len(side.data)
        places = (place, end, place + side.loop.start, place + side.loop.end)
        headers.append(struct.pack("<20s5IBbHH", name, *places, side.rate, 60, 0, side.link, side.kind))
        parts += [side.data.tobytes(), bytes(2 * _SILENCE)]
        place = end + _SILENCE
    headers.append(struct.pack("<20s5IBbHH", b"EOS", *[0] * 9))
    return b"".join(parts), chunk(b"shdr", b"".join(headers))


def _presets(instruments: Sequence[Instrument]) -> Iterator[bytes]:
    """phdr, pbag, pmod and pgen: preset n of bank 0 is instrument n."""
    count = len(instruments)
    names = _names(one.name for one in instruments)
    heads = [struct.pack("<20sHHHIII", name, n, 0, n, 0, 0, 0) for n, name in enumerate(names)]
    heads.append(struct.pack("<20sHHHIII", b"EOP", 0, 0, count, 0, 0, 0))
    yield chunk(b"phdr", b"".join(heads))
    yield chunk(b"pbag", b"".join(struct.pack("<HH", n, 0) for n in range(count + 1)))
    yield chunk(b"pmod", bytes(10))
    yield chunk(b"pgen", b"".join(struct.pack("<HH", _INSTRUMENT, n) for n in range(count)) + bytes(4))


def _instruments(
    instruments: Sequence[Instrument], numbers: Mapping[str, Sequence[int]], sides: Sequence[_Side]
) -> Iterator[bytes]:
    """inst, ibag, imod and igen: a zone for each side of each sample."""
    heads: list[bytes] = []
    bags: list[bytes] = []
    generators = bytearray()
    for one, name in zip(instruments, _names(one.name for one in instruments), strict=True):
        heads.append(struct.pack("<20sH", name, len(bags)))
        for zone in one.zones:
            if zone.position > 1:
                continue
            for number in numbers[zone.sample]:
                bags.append(struct.pack("<HH", len(generators) // 4, 0))
                generators += _generators(zone, number, sides[number].kind)
    yield chunk(b"inst", b"".join(heads) + struct.pack("<20sH", b"EOI", len(bags)))
    yield chunk(b"ibag", b"".join(bags) + struct.pack("<HH", len(generators) // 4, 0))
    yield chunk(b"imod", bytes(10))
    yield chunk(b"igen", bytes(generators) + bytes(4))


def _generators(zone: Zone, number: int, kind: int) -> bytes:
    """The ranges first and the sample last, as the format demands."""
    said: list[tuple[int, int]] = []
    if kind != _MONO:
        said.append((_PAN, -500 if kind == _LEFT else 500))
    if zone.loop is None:
        said.append((_RELEASE, _LONGEST_RELEASE))  # it plays to its end, a decibel a second quieter once let go
    else:
        attack = max(_FASTEST_ATTACK, _timecents(zone.loop.attack_s))
        said += [(_ATTACK, attack), (_RELEASE, _timecents(RELEASE_S)), (_MODES, 1)]
    if zone.cents:
        said.append((_FINE, zone.cents))
    if zone.choke:
        said.append((_CHOKE, zone.choke))
    said += [(_ROOT, zone.root), (_SAMPLE, number)]
    ranges = ((_KEYS, zone.low_key, zone.high_key), (_VELOCITIES, zone.low_velocity, zone.high_velocity))
    low_high = b"".join(struct.pack("<HBB", *one) for one in ranges)
    return low_high + b"".join(struct.pack("<Hh", name, value) for name, value in said)


def _timecents(seconds: float) -> int:
    return round(1_200 * math.log2(seconds))


def _names(texts: Iterable[str]) -> list[bytes]:
    """Each as at most 19 letters of ASCII, no two alike: of those that begin alike the ends, which tell them apart."""
    whole = [text.encode("ascii", "replace") for text in texts]
    begun = Counter(text[:_LETTERS] for text in whole)
    names = [text[-_LETTERS:] if begun[text[:_LETTERS]] > 1 else text[:_LETTERS] for text in whole]
    taken: set[bytes] = set()
    for place, name in enumerate(names):
        number = 1
        while names[place] in taken:
            number += 1
            names[place] = name[: _LETTERS - 1 - len(str(number))] + b"-%d" % number
        taken.add(names[place])
    return names


def _text(text: str, most: int = 255) -> bytes:
    """Zero-terminated, of even length."""
    found = text.encode("ascii", "replace")[:most] + b"\0"
    return found + b"\0" * (len(found) % 2)


def _list(kind: bytes, *chunks: bytes) -> bytes:
    return chunk(b"LIST", kind + b"".join(chunks))
