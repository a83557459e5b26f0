"""``python -m tests.bench transposition``: a sound on another key, by resampling and by the model, each held against a
recording of that key.

The recordings are multisampled instruments of a SoundFont (Debian's ``timgm6mb-soundfont``). Every second note of each
is learned; the others are what the transpositions of the learned ones are held against.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import click
import numpy as np
import soxr
import torch

from engine.api import TrainingEngine
from engine.audio.files.io import write_wave
from engine.audio.inversion import FAST
from engine.audio.pitch import clear_pitch
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.sounds.latent_map import fitted
from engine.tasks.vae.sounds.load import open_model
from tests.bench.scoring import RATE, score

# Their samples lie as far apart as their names say: others were stored faster or slower, and their colour with it.
INSTRUMENTS = ("Flute", "Trump", "Bari", "Choir-", "B3LoDistSlow")
SHORTEST_S, FADE_S = 0.2, 0.01
GROUPS = ((0.0, 4.5), (4.5, 7.5), (7.5, 12.5))  # semitones


@dataclass(frozen=True)
class Tone:
    """A recording of one note. note: as measured, of MIDI. wave [T]: of peak 1, at 48 kHz."""

    instrument: str
    note: float
    wave: np.ndarray = field(repr=False)


@dataclass(frozen=True)
class Ask:
    """Make ``wanted`` of ``given``, a learned tone of the same instrument."""

    given: Tone
    wanted: Tone

    @property
    def semitones(self) -> float:
        return self.wanted.note - self.given.note


Way = Callable[[Ask], np.ndarray | None]


def tones(soundfont: Path) -> list[Tone]:
    """The notes of :data:`INSTRUMENTS` that have a clear pitch, instrument by instrument, the lowest first."""
    from sf2utils.sf2parse import Sf2File

    found = []
    with soundfont.open("rb") as file:
        for sample in Sf2File(file).samples:
            instrument = next((name for name in INSTRUMENTS if sample.name.startswith(name)), None)
            if instrument is None:
                continue
            wave = np.frombuffer(sample.raw_sample_data, "<i2").astype(np.float32)
            wave = soxr.resample(wave / np.abs(wave).max(), sample.sample_rate, RATE, quality="VHQ")
            pitch = clear_pitch(wave, RATE)
            if pitch is not None and len(wave) >= SHORTEST_S * RATE:
                found.append(Tone(instrument, pitch.note, ended(wave)))
    return sorted(found, key=lambda tone: (tone.instrument, tone.note))


def ended(wave: np.ndarray) -> np.ndarray:
    """``wave`` [T] of peak 1 with a short fade: a sample of a SoundFont ends where its loop does."""
    length = round(FADE_S * RATE)
    wave = np.concatenate([wave[:-length], wave[-length:] * np.linspace(1, 0, length)])
    return np.asarray(wave / np.abs(wave).max(), np.float32)


def split(found: Sequence[Tone]) -> tuple[list[Tone], list[Tone]]:
    """Every second note of each instrument, the first of them learned; and the others."""
    sides: tuple[list[Tone], list[Tone]] = ([], [])
    for _, notes in groupby(found, lambda tone: tone.instrument):
        for number, tone in enumerate(notes):
            sides[number % 2].append(tone)
    return sides


class Transposer:
    """The ways to another key. Codes [D, L] of all learned tones are cut or held to the length of the longest."""

    def __init__(self, codec: Codec, learned: Sequence[Tone]) -> None:
        self.codec, self.learned = codec, list(learned)
        fits = [codec.fit_code(torch.from_numpy(tone.wave))[0] for tone in learned]
        longest = max(code.shape[-1] for code in fits)
        self.codes = {tone.note: fitted(code, longest) for tone, code in zip(learned, fits, strict=True)}
        self.slope = self._slope()
        self._copies: dict[int, np.ndarray] = {}

    def _slope(self) -> torch.Tensor:
        """How a code changes by the semitone, [D, L]: least squares over all instruments, each about its own mean."""
        notes, codes = [], []
        for _, group in groupby(self.learned, lambda tone: tone.instrument):
            own = list(group)
            note = torch.tensor([tone.note for tone in own])
            code = torch.stack([self.codes[tone.note] for tone in own])
            notes.append(note - note.mean())
            codes.append(code - code.mean(0))
        every, beside = torch.cat(notes), torch.cat(codes)
        return (every[:, None, None] * beside).sum(0) / every.square().sum()

    def recording_resampled(self, ask: Ask) -> np.ndarray:
        return resampled(ask.given.wave, ask.semitones)

    def resampled(self, ask: Ask) -> np.ndarray:
        """What a sampler does with a kit's sample."""
        return resampled(self._copy(ask.given), ask.semitones)

    def heard(self, ask: Ask) -> np.ndarray:
        """The model's copy of the recording, transposed before it hears it."""
        return self.codec.reconstruct(resampled(ask.given.wave, ask.semitones), FAST)

    def moved(self, ask: Ask) -> np.ndarray:
        return self._decoded(self.codes[ask.given.note] + ask.semitones * self.slope, ask)

    def between(self, ask: Ask) -> np.ndarray | None:
        """On the way from the learned tone to the next one beyond the wanted note; None where there is no such one."""
        side = np.sign(ask.semitones)
        own = [tone.note for tone in self.learned if tone.instrument == ask.given.instrument]
        beyond = [note for note in own if side * (note - ask.wanted.note) > 0]
        if not beyond:
            return None
        other = min(beyond, key=lambda note: abs(note - ask.wanted.note))
        part = ask.semitones / (other - ask.given.note)
        return self._decoded(torch.lerp(self.codes[ask.given.note], self.codes[other], part), ask)

    def copy_of_the_wanted(self, ask: Ask) -> np.ndarray:
        """The least that this model can be wrong by."""
        return self._copy(ask.wanted)

    def _copy(self, tone: Tone) -> np.ndarray:
        if id(tone) not in self._copies:
            self._copies[id(tone)] = self.codec.reconstruct(tone.wave, FAST)
        return self._copies[id(tone)]

    def _decoded(self, code: torch.Tensor, ask: Ask) -> np.ndarray:
        samples = len(ask.wanted.wave)
        db = self.codec.decode(code[None], self.codec.config.frames(samples)).cpu()
        return np.asarray(self.codec.to_wave(self.codec.struck(db), samples)[0])


def resampled(wave: np.ndarray, semitones: float) -> np.ndarray:
    """``wave`` [T] as a sampler plays it so many keys higher: faster by as much."""
    return np.asarray(soxr.resample(wave, RATE * 2 ** (semitones / 12), RATE, quality="VHQ"), np.float32)


def figures(wanted: Tone, made: np.ndarray) -> tuple[float | None, float]:
    """How far its pitch is from the wanted one, in cents (None: it has no clear pitch); its log-mel error in dB, at one
    loudness, over what both sound for."""
    pitch = clear_pitch(made, RATE)
    both = min(len(made), len(wanted.wave))
    original, other = wanted.wave[:both], made[:both]
    other = other * np.sqrt(np.square(original).mean() / max(float(np.square(other).mean()), 1e-12))
    cents = None if pitch is None else 100 * abs(pitch.note - wanted.note)
    return cents, score(original, np.asarray(other, np.float32))["active_db"]


def asks(learned: Sequence[Tone], kept: Sequence[Tone]) -> list[Ask]:
    """Every kept tone of every learned one of its instrument that is at most an octave away."""
    pairs = [Ask(given, wanted) for wanted in kept for given in learned if given.instrument == wanted.instrument]
    return [ask for ask in pairs if abs(ask.semitones) <= GROUPS[-1][1]]


def row(found: Sequence[tuple[float | None, float]]) -> str:
    cents = [cents for cents, _ in found if cents is not None]
    middle = f"{np.median(cents):.0f}" if cents else "-"
    return f"{len(found)}, {len(cents) / len(found):.0%}, {middle}, {np.mean([error for _, error in found]):.2f}"


def trained(learned: Sequence[Tone], root: Path, updates: int) -> Codec:
    folder = root / "tones"
    folder.mkdir(parents=True)
    for number, tone in enumerate(learned):
        write_wave(folder / f"{tone.instrument.strip('-')}-{number:02d}-{tone.note:.0f}.wav", tone.wave, RATE)
    config = {"max_steps": updates, "threads": 1}
    session = TrainingEngine(str(folder), config=config, run_dir=root / "run").train()
    assert session.status == "completed", session.error_message
    return open_model(root / "run").codec


@click.command()
@click.option(
    "--soundfont",
    type=click.Path(exists=True, path_type=Path),
    default=Path("/usr/share/sounds/sf2/TimGM6mb.sf2"),
    show_default=True,
)
@click.option("--updates", default=1_000, show_default=True)
def command(soundfont: Path, updates: int) -> None:
    """Figures for each way and distance: how many, with a clear pitch, median cents beside the wanted, error."""
    learned, kept = split(tones(soundfont))
    click.echo(f"{len(learned)} tones learned, {len(kept)} kept, {updates} updates")
    with tempfile.TemporaryDirectory() as place:
        transposer = Transposer(trained(learned, Path(place), updates), learned)
    ways: list[Way] = [
        transposer.recording_resampled, transposer.resampled, transposer.heard, transposer.moved, transposer.between,
        transposer.copy_of_the_wanted,
    ]  # fmt: skip
    click.echo("semitones, way: asks, with a clear pitch, median cents, log-mel error dB")
    for low, high in GROUPS:
        group = [ask for ask in asks(learned, kept) if low < abs(ask.semitones) <= high]
        for way in ways:
            made = [(ask.wanted, wave) for ask in group if (wave := way(ask)) is not None]
            if made:
                found = row([figures(wanted, wave) for wanted, wave in made])
                click.echo(f"{low:g} to {high:g}, {way.__name__}: {found}")
