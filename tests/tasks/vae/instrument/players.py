"""Real players that play a note off-line: fluidsynth for SoundFont 2, sfizz for SFZ."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 48_000
_TICKS = 960  # a second: 480 a beat, 120 beats a minute, what a MIDI file means unless told otherwise


@dataclass(frozen=True)
class Note:
    """A key that is down from ``start`` for ``held`` seconds."""

    key: int
    velocity: int = 127
    start: float = 0.0
    held: float = 0.05


def by_fluidsynth(soundfont: Path, notes: Sequence[Note], seconds: float, preset: int = 0) -> np.ndarray:
    """What fluidsynth makes of notes, [samples, 2], without its reverb and chorus; skipped where there is none."""
    need("fluidsynth")
    midi, out = soundfont.with_suffix(".mid"), soundfont.with_suffix(".wav")
    midi.write_bytes(_midi(notes, seconds, preset))
    options = ["-ni", "-q", "-R", "0", "-C", "0", "-g", "1", "-r", str(RATE), "-O", "float", "-T", "wav"]
    subprocess.run(["fluidsynth", *options, "-F", out, soundfont, midi], check=True, capture_output=True, timeout=120)
    wave: np.ndarray = soundfile.read(out)[0]
    return wave[: round(seconds * RATE)]


def by_polyphone(sfz: Path, folder: Path) -> Path:
    """The SoundFont that Debian's editor of SoundFonts makes of an SFZ file and its samples, in ``folder``; skipped
    where there is none."""
    need("polyphone")
    folder.mkdir(exist_ok=True)
    command = ["polyphone", "-1", "-i", str(sfz), "-d", str(folder), "-o", "converted"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env={"QT_QPA_PLATFORM": "offscreen"})
    return folder / "converted.sf2"


def need(program: str) -> None:
    """Skip the test where ``program`` is not installed; fail it where players and what they play on are asked for."""
    if shutil.which(program) is None:
        if os.environ.get("SWEETSPOT_REQUIRE_PLAYERS"):
            pytest.fail(f"there is no {program} here, and SWEETSPOT_REQUIRE_PLAYERS asks for one")
        pytest.skip(f"there is no {program} here")


class Sfizz:
    """An SFZ file that was loaded; it counts its turns as it plays.

    Whole into memory, which one more line asks for: what it would read while it plays comes late on a busy machine, and
    it renders silence until then.
    """

    def __init__(self, path: Path) -> None:
        pytest.importorskip("pysfizz", reason="Linux on ARM has no wheel of it")
        import pysfizz

        self.synth = pysfizz.Synth(sample_rate=RATE, block_size=BLOCK)
        whole = path.with_suffix(".whole.sfz")
        whole.write_text(f"<control> hint_ram_based=1\n{path.read_text()}")
        assert self.synth.load_sfz_file(whole), f"sfizz reads no region of {path}"

    @property
    def keys(self) -> list[int]:
        return list(self.synth.playable_keys)

    def play(self, notes: Sequence[Note], seconds: float) -> np.ndarray:
        """[samples, 2]. Moments are rounded to blocks of 64."""
        voice, blocks = self.synth._synth, []
        for number in range(round(seconds * RATE) // BLOCK):
            for note in notes:
                if number == round(note.start * RATE) // BLOCK:
                    voice.note_on(0, note.key, note.velocity)
                if number == round((note.start + note.held) * RATE) // BLOCK:
                    voice.note_off(0, note.key, 0)
            blocks.append(np.array(voice.render_block()))
        return np.concatenate(blocks, axis=1).T


BLOCK = 64


def _midi(notes: Sequence[Note], seconds: float, preset: int) -> bytes:
    """A MIDI file of one track."""
    on = [(note.start, bytes([0x90, note.key, note.velocity])) for note in notes]
    off = [(note.start + note.held, bytes([0x80, note.key, 0])) for note in notes]
    track, now = bytearray(), 0
    chosen, end = (0.0, bytes([0xC0, preset])), (seconds, b"\xff\x2f\x00")
    for moment, message in sorted([chosen, *on, *off, end], key=lambda event: event[0]):
        track += _length(round(_TICKS * moment) - now) + message
        now = round(_TICKS * moment)
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 480) + b"MTrk" + struct.pack(">I", len(track)) + bytes(track)


def _length(ticks: int) -> bytes:
    """A number as MIDI files have it: seven bits a byte."""
    parts = [ticks & 0x7F]
    while ticks := ticks >> 7:
        parts.append(ticks & 0x7F | 0x80)
    return bytes(reversed(parts))
