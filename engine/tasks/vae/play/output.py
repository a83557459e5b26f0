"""Where played samples go: an audio device, or a WAV file on the clock of a device."""

from __future__ import annotations

import time
import wave
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Self

import numpy as np

from engine.errors import ConfigError
from engine.regular_file import refuse_what_is_there
from engine.rundir.atomic import beside, commit, discard
from engine.tasks.vae.play.midi import INSTALL
from engine.tasks.vae.play.player import Player

BLOCK = 256  # samples handed out at once: 5.3 ms at 48 kHz
_FULL = (1 << 23) - 1
_MOST_BYTES = (1 << 32) - (1 << 16)  # of a WAV file's samples: its header counts them in 32 bits


class Recording:
    """A WAV file of two channels and 24 bits, closed at the end of a ``with``.

    live: it is whole after every block, so that a process that is killed leaves one to hear. Else it has its name only
    once it is finished, and nothing stays of one that is not. A WAV file ends at 4 GiB, 4.1 hours at 48 kHz: what is
    played beyond that goes into others, NAME-2.wav and so on, by the next number that is free. paths: of them all.
    Raises OSError.
    """

    def __init__(self, path: Path, rate: int, *, live: bool) -> None:
        self.paths: list[Path] = []
        self._growing: list[Path] = []  # not yet by their names
        self._rate, self._live = rate, live
        self._others = (path.with_stem(f"{path.stem}-{number}") for number in count(2))
        self._open(path)

    def _open(self, path: Path) -> None:
        place = path if self._live else beside(path)
        if not self._live:
            discard(place)  # of a killed process of this number: in a container every one has it
            self._growing.append(place)
        self._file = place.open("xb")
        self.paths.append(path)
        # It corrects the header at every write, and writes all it has while it does.
        self._wave: wave.Wave_write = wave.open(self._file, "wb")  # noqa: SIM115
        self._wave.setnchannels(2)
        self._wave.setsampwidth(3)
        self._wave.setframerate(self._rate)
        self._room = _MOST_BYTES

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._close()
        finally:
            for place in self._growing:
                discard(place)

    def finish(self) -> None:
        """Give one that is not live its name. ``DataError`` when something has that by now."""
        self._close()
        while self._growing:
            path = self.paths[-len(self._growing)]
            refuse_what_is_there(path)
            commit(self._growing.pop(0), path)

    def _close(self) -> None:
        self._wave.close()
        self._file.close()

    def write(self, block: np.ndarray) -> None:
        """Append a block [T, 2] within full scale."""
        whole = np.round(block * _FULL).astype("<i4")
        data = whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
        if len(data) > self._room:
            self._close()
            self._open(next(path for path in self._others if not (path.exists() or path.is_symlink())))
        self._room -= len(data)
        self._wave.writeframes(data)


def record(player: Player, recording: Recording, ended: Callable[[], bool]) -> int:
    """Hand out blocks to ``recording`` as a device would ask for them, until ``ended``; how many were late by more than
    a block."""
    began, blocks, late = time.perf_counter(), 0, 0
    while not ended():
        due = began + blocks * BLOCK / player.rate
        behind = time.perf_counter() - due
        if behind < 0:
            time.sleep(-behind)
        late += behind > BLOCK / player.rate
        recording.write(player.block(BLOCK))
        blocks += 1
    return late


@dataclass(frozen=True)
class Device:
    """An audio device, open. latency_s: from a block handed out to its sound, as the device says. start: from then on
    it asks for blocks. gaps: how often it had to go without one."""

    name: str
    latency_s: float
    start: Callable[[], None]
    gaps: Callable[[], int]


@contextmanager
def open_device(player: Player, name: str | None) -> Iterator[Device]:
    """The output device called ``name``, None: the system's own, for ``player``; closed at the end of a ``with``.

    ``ConfigError`` when there is none such.
    """
    devices = _sounddevice()
    missed: list[float] = []

    def fill(out: np.ndarray, frames: int, moment: Any, status: Any) -> None:
        out[:] = player.block(frames)
        if status.output_underflow:
            missed.append(moment.currentTime)

    try:
        stream = devices.OutputStream(
            samplerate=player.rate, blocksize=BLOCK, device=name, channels=2, latency="low", callback=fill
        )
    except (devices.PortAudioError, ValueError) as error:
        there = ", ".join(one["name"] for one in devices.query_devices() if one["max_output_channels"] > 1)
        remedy = f"Name one with --device: {there}; or write to a file with --out." if there else "Use --out FILE.wav."
        raise ConfigError(f"No audio device can be opened: {str(error).splitlines()[0]}.", remedy) from error
    with closing(stream):
        yield Device(devices.query_devices(stream.device)["name"], stream.latency, stream.start, lambda: len(missed))


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise ConfigError("sounddevice is not installed.", f"{INSTALL} Or use --out FILE.wav.") from error
    except OSError as error:
        raise ConfigError(
            "PortAudio is not installed.", "Install it (Debian: apt-get install libportaudio2), or use --out FILE.wav."
        ) from error
    return sounddevice
