"""``python -m tests.bench kit_formats KIT``: how big each file of a kit is, and how real players play it.

Every key that plays a sound of its own is struck once at velocity 127. Held against its sample: when it begins, how
loud its first 0.3 s are beside the other keys', and how alike the two waves are.
"""

from __future__ import annotations

import json
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import click
import numpy as np

from engine.audio.files.io import read_wave
from tests.tasks.vae.instrument.players import RATE, Note, Sfizz, by_fluidsynth, by_polyphone

APART_S, LEAD, LEVEL_S = 0.5, 960, 0.3
_PARTS = 16  # of a sample
Play = Callable[[list[Note], float], np.ndarray]


def sizes(folder: Path) -> dict[str, int]:
    """Bytes by suffix; ``.wav`` is all of the samples."""
    found: dict[str, int] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found[path.suffix] = found.get(path.suffix, 0) + path.stat().st_size
    return found


def keyed(folder: Path) -> dict[int, np.ndarray]:
    """Key to its sample [T], the middle of a stereo one."""
    described = json.loads((folder / "kit.json").read_text())
    sounds = [
        sound for one in described["instruments"] for sound in one["sounds"] if sound["keys"][0] == sound["keys"][-1]
    ]
    return {sound["keys"][0]: read_wave(folder / "samples" / sound["samples"][0], RATE) for sound in sounds}


def likeness(heard: np.ndarray, wave: np.ndarray) -> float:
    """Correlation of two waves [T] that begin within a sample of each other, at the best sixteenth of a sample: half of
    one takes 0.08 from a bright sound, and is nothing one hears."""
    spectrum = np.fft.rfft(heard) * np.conj(np.fft.rfft(wave))
    between = np.fft.irfft(spectrum, _PARTS * len(wave)) * _PARTS
    near = np.concatenate([between[: 2 * _PARTS], between[-2 * _PARTS :]])
    return float(near.max() / np.sqrt(np.square(heard).sum() * np.square(wave).sum()))


def strike(samples: Mapping[int, np.ndarray], play: Play) -> dict[str, float]:
    """onset_ms: median and most; level_db: the farthest of a key from the middle one; likeness: the least r."""
    from scipy.signal import correlate  # here, so that only the worker that asks takes a second to import it

    notes, now = [], APART_S
    for key, wave in samples.items():
        notes.append(Note(key, 127, round(now * RATE / 64) * 64 / RATE))  # at a block of sfizz
        now = notes[-1].start + len(wave) / RATE + APART_S
    render = play(notes, now).mean(1)
    late, levels, alike = [], [], []
    for note, wave in zip(notes, samples.values(), strict=True):
        start = round(note.start * RATE)
        heard = render[start - LEAD : start + LEAD + len(wave)]
        lag = int(np.argmax(np.abs(correlate(heard, wave, "valid"))))
        late.append(1000 * (lag - LEAD) / RATE)
        first = round(LEVEL_S * RATE)
        played, own = heard[lag : lag + len(wave)][:first], wave[:first]
        levels.append(10 * np.log10(np.square(played).sum() / np.square(own).sum()))
        alike.append(likeness(heard[lag : lag + len(wave)], wave))
    farthest = float(np.abs(np.array(levels) - np.median(levels)).max())
    most = max(late, key=abs)
    return {"onset_ms": float(np.median(late)), "onset_most_ms": most, "level_db": farthest, "likeness": min(alike)}


@click.command()
@click.argument("kit", type=click.Path(exists=True, path_type=Path))
def command(kit: Path) -> None:
    """One line of JSON for the sizes, and one a player."""
    with tempfile.TemporaryDirectory() as place:
        with zipfile.ZipFile(kit) as archive:
            archive.extractall(place)
        (sfz,) = Path(place).rglob("*.sfz")
        folder, samples = sfz.parent, keyed(sfz.parent)
        click.echo(json.dumps({"zip": kit.stat().st_size, **sizes(folder)}))
        click.echo(json.dumps({"keys": len(samples), "seconds": sum(map(len, samples.values())) / RATE}))
        converted = by_polyphone(sfz, Path(place) / "converted")
        players: dict[str, Play] = {
            "sfizz": Sfizz(sfz).play,
            "fluidsynth": lambda notes, seconds: by_fluidsynth(sfz.with_suffix(".sf2"), notes, seconds),
            "polyphone, fluidsynth": lambda notes, seconds: by_fluidsynth(converted, notes, seconds),
        }
        for name, play in players.items():
            figures = {figure: round(value, 3) for figure, value in strike(samples, play).items()}
            click.echo(json.dumps({"player": name, **figures}))
