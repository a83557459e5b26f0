"""Ten thousand damaged sound files through the real decoder: none may crash it, hang it or eat the memory.

Small valid files of each format are flipped, cut, spliced and given absurd header fields, by a seed: mutant ``n`` is
the same at every run. The decode child reads them in batches; what a batch costs is watched from outside.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import numpy as np
import psutil

from engine.audio.files.cache import Cache
from engine.audio.files.decode import DecodeJob, decode_files
from engine.rng import generator
from tests.reliability.corpus import encoded, sound

LIMIT_S = 5.0
BATCH = 250
_HEAD = 80
_EXTREME = (b"\0" * 8, b"\xff" * 8, b"\x7f" + b"\xff" * 7, b"\x80" + b"\0" * 7, b"\1" + b"\0" * 7)
_CRASHED = "breaks the decoder"
_HUNG = "hangs"


def seeds() -> list[tuple[str, bytes]]:
    """(suffix, content) of one small sound in each format and of some subtypes."""
    wave = sound(0, 0.25)
    stereo = np.stack([wave, wave[::-1]], 1)
    return [
        (".wav", encoded(wave)),
        (".wav", encoded(stereo, subtype="FLOAT")),
        (".wav", encoded(wave, subtype="IMA_ADPCM")),
        (".wav", encoded(wave, subtype="MS_ADPCM")),
        (".flac", encoded(stereo, format="FLAC")),
        (".ogg", encoded(wave, format="OGG")),
        (".opus", encoded(wave, format="OGG", subtype="OPUS")),
        (".mp3", encoded(wave, format="MP3")),
        (".aiff", encoded(wave, format="AIFF")),
        (".caf", encoded(wave, format="CAF")),
        (".w64", encoded(wave, format="W64")),
        (".rf64", encoded(wave, format="RF64")),
        (".au", encoded(wave, format="AU")),
    ]


def mutate(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """``content`` with one to four injuries; ``other`` is what may be spliced in."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        data = _INJURIES[rng.integers(len(_INJURIES))](data, other, rng)
    return bytes(data)


def _flip(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    for place in rng.integers(0, max(1, len(data)), rng.integers(1, 30)):
        if place < len(data):
            data[place] ^= 1 << int(rng.integers(8))
    return data


def _flip_head(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    head = _flip(data[:_HEAD], other, rng)
    return head + data[_HEAD:]


def _field(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    """An extreme number of 1 to 8 bytes in the header."""
    place, width = int(rng.integers(4, _HEAD)), int(2 ** rng.integers(0, 4))
    data[place : place + width] = _EXTREME[rng.integers(len(_EXTREME))][:width]
    return data


def _cut(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    return data[: int(rng.integers(0, len(data) + 1))]


def _splice(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    place = int(rng.integers(0, len(data) + 1))
    start = int(rng.integers(0, len(other)))
    return data[:place] + other[start : start + int(rng.integers(1, 4_000))] + data[place:]


def _remove(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    place = int(rng.integers(0, len(data) + 1))
    return data[:place] + data[place + int(rng.integers(1, 2_000)) :]


def _fill(data: bytearray, other: bytes, rng: np.random.Generator) -> bytearray:
    place, count = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 500))
    data[place : place + count] = bytes([int(rng.integers(256))]) * count
    return data


_INJURIES = (_flip, _flip_head, _flip_head, _field, _field, _cut, _splice, _remove, _fill)


@dataclass
class Outcome:
    """What became of the mutants. slowest_s: of a whole batch; peak_bytes: resident in the decode child."""

    files: int = 0
    used: int = 0
    skipped: int = 0
    crashes: int = 0
    hangs: int = 0
    peak_bytes: int = 0
    slowest_s: float = 0.0
    guilty: list[str] = field(default_factory=list)


class Damage:
    """Mutants of ``contents``, written into ``place`` batch by batch and decoded there."""

    def __init__(self, contents: Sequence[tuple[str, bytes]], place: Path, limit_s: float = LIMIT_S) -> None:
        self._contents, self._place, self._limit_s = contents, place, limit_s
        self._outcome = Outcome()

    def mutant(self, number: int) -> tuple[str, bytes]:
        rng = generator(0, "mutants", number)
        suffix, content = self._contents[number % len(self._contents)]
        return suffix, mutate(content, self._contents[rng.integers(len(self._contents))][1], rng)

    def run(self, numbers: Iterable[int]) -> Outcome:
        batch: list[int] = []
        for number in numbers:
            batch.append(number)
            if len(batch) == BATCH:
                self._decode(batch)
                batch = []
        if batch:
            self._decode(batch)
        return self._outcome

    def _decode(self, batch: Sequence[int]) -> None:
        jobs = []
        for number in batch:
            suffix, content = self.mutant(number)
            path = self._place / f"{number:05d}{suffix}"
            path.write_bytes(content)
            jobs.append(DecodeJob(path, f"{number:040d}"))
        cache = Cache(self._place / "cache")
        began = time.monotonic()
        found = decode_files(jobs, cache, 48_000, lambda done: None, self._watch, self._limit_s)
        outcome = self._outcome
        outcome.slowest_s = max(outcome.slowest_s, time.monotonic() - began)
        for job, facts in zip(jobs, found, strict=True):
            reason = facts.failure or ""
            crashed, hung = reason.startswith(_CRASHED), reason.startswith(_HUNG)
            outcome.files += 1
            outcome.used += facts.failure is None
            outcome.skipped += facts.failure is not None
            outcome.crashes += crashed
            outcome.hangs += hung
            if crashed or hung:
                outcome.guilty.append(f"{job.path.name}: {reason}")
            job.path.unlink()
            cache.pcm(job.key).unlink(missing_ok=True)

    def _watch(self) -> None:
        """The most memory a decode child ever had; asked for while one works."""
        for child in psutil.Process().children():
            with contextlib.suppress(psutil.Error, OSError, IndexError):  # or it has just ended
                if "engine.audio.files.decode_worker" in child.cmdline():
                    self._outcome.peak_bytes = max(self._outcome.peak_bytes, _peak(child))


def _peak(process: psutil.Process) -> int:
    """Resident bytes: the most there ever were where the system counts that, else those of now."""
    try:
        told = Path(f"/proc/{process.pid}/status").read_text()
    except OSError:
        return int(process.memory_info().rss)
    return 1024 * int(told.partition("VmHWM:")[2].split()[0])


@click.command()
@click.option("--count", default=10_000, show_default=True, help="Mutants to decode.")
@click.option("--place", type=click.Path(path_type=Path), help="Where to write them; a temporary folder by default.")
def command(count: int, place: Path | None) -> None:
    """Damaged sound files through the decoder; one JSON line."""
    import tempfile

    logging.basicConfig(level=logging.WARNING)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as temporary:
        outcome = Damage(seeds(), place or Path(temporary)).run(range(count))
    facts = {name: value for name, value in vars(outcome).items() if name != "guilty"}
    click.echo(json.dumps({"bench": "mutations", **facts, "wall_s": round(time.monotonic() - began, 1)}))
    for line in outcome.guilty:
        click.echo(line, err=True)
