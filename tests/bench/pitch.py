"""``python -m tests.bench pitch [FILE...]``: how far the estimate lies from tones whose pitch is known, and how sure it
is of sounds that have one, none, or several."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from engine.audio.files.io import read_wave
from engine.audio.pitch import Pitch, estimate_pitch
from tests.audio.test_pitch import MOMENT, RATE, TONES

NOTES = [note + 0.37 for note in range(24, 109, 3)]  # C1 to C8, between the keys


@click.command()
@click.argument("files", nargs=-1, type=click.Path(exists=True, path_type=Path))
def command(files: tuple[Path, ...]) -> None:
    """Cents beside the tones of tests/audio/test_pitch.py, from C1 to C8; what is found in a kick and in FILES."""
    for kind, tone in TONES.items():
        found = [(note, estimate_pitch(tone(440 * 2 ** ((note - 69) / 12)), RATE)) for note in NOTES]
        off = [100 * abs(pitch.note - note) for note, pitch in found if pitch is not None]
        click.echo(
            f"{kind}: {len(off)} of {len(NOTES)} notes, median {np.median(off):.3f}, largest {max(off):.2f} cents"
        )
    fall = np.exp(-MOMENT / 0.05)  # from 200 to 50 Hz
    kick = np.sin(2 * np.pi * np.cumsum(50 + 150 * fall) / RATE) * np.exp(-6 * MOMENT)
    click.echo(f"a kick from 200 to 50 Hz: {_said(estimate_pitch(kick, RATE))}")
    for file in files:
        click.echo(f"{file.name}: {_said(estimate_pitch(read_wave(file, RATE), RATE))}")


def _said(pitch: Pitch | None) -> str:
    return "no pitch" if pitch is None else f"{pitch.hz:.1f} Hz, confidence {pitch.confidence:.2f}"
