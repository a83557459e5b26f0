"""``python -m tests.bench takes RUN_DIR...``: how a kit's variations and velocity layers differ from their sounds.

Of eight new sounds each. Variations: mean absolute decibels between mel spectrograms, octaves between spectral
centroids of the waves, and semitones between pitches, of pairs whose pitch can be told. Layers, three of them, on the
way to duller sounds, which kits take, and on one to sounds that are duller and quieter, as far as makes them as much
duller: octaves from the hardest to the softest, the part of the sounds whose softer layers are never brighter, and by
how many dB the loudest 50 ms of a softer one pass the harder's.
"""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from unittest.mock import patch

import click
import numpy as np

from engine.audio.pitch import estimate_pitch
from engine.tasks.vae.instrument import make
from engine.tasks.vae.instrument.model import Sample
from engine.tasks.vae.instrument.request import InstrumentRequest
from engine.tasks.vae.instrument.wishes import wishes_for
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.latent_map import LatentMap
from engine.tasks.vae.sounds.load import open_model

SOUNDS, TURNS, LAYERS = 8, 4, 3
ALIKE = 0.02  # octaves that nobody hears
LOUDEST_S = 0.05
TOLD = 0.25  # of a sound's energy that has its pitch


def centroid(sample: Sample) -> float:
    """In octaves above 1 Hz."""
    wave = sample.wave.reshape(len(sample.wave), -1).mean(1)
    power = np.square(np.abs(np.fft.rfft(wave)))
    return float(np.log2(power @ np.fft.rfftfreq(len(wave), 1 / sample.sample_rate) / power.sum()))


def note(sample: Sample) -> float | None:
    """Its pitch as a MIDI note."""
    found = estimate_pitch(sample.wave.reshape(len(sample.wave), -1).mean(1), sample.sample_rate)
    return found.note if found is not None and found.confidence >= TOLD else None


def loudest(sample: Sample) -> float:
    """Level in dB of the loudest 50 ms."""
    energy = np.square(sample.wave.reshape(len(sample.wave), -1)).mean(1)
    size = min(len(energy), round(LOUDEST_S * sample.sample_rate))
    return float(10 * np.log10(np.convolve(energy, np.ones(size) / size, "valid").max()))


def takes(generator: SoundGenerator, request: InstrumentRequest) -> list[list[Sample]]:
    """Sound by sound, in the order in which they were made."""
    samples = list(make.make_kit(generator, "kit", request, (), lambda done, of: None).samples.values())
    each = len(samples) // SOUNDS
    return [samples[start : start + each] for start in range(0, len(samples), each)]


def apart(first: np.ndarray, other: np.ndarray) -> float:
    """Mean absolute difference in dB of two mel spectrograms [M, F], as far as both reach."""
    frames = min(first.shape[1], other.shape[1])
    return float(np.abs(first[:, :frames] - other[:, :frames]).mean())


def turns(generator: SoundGenerator) -> dict[str, float]:
    request = InstrumentRequest(sounds=SOUNDS, round_robins=TURNS, quality="fast")
    maker = make._Maker(generator, request, [{}], "kit", "", lambda done: None)
    pictures = []
    for number, wish in enumerate(wishes_for(generator, request, ()), 1):
        assert wish.request is not None
        pictures.append([generator.spectrogram(one) for one in maker._turns(wish.request, number)])
    own = [one[0] for one in pictures]
    varied = [apart(first, other) for first, *others in pictures for other in others]
    pairs = [(first, one) for first, *others in takes(generator, request) for one in others]
    octaves = [abs(centroid(one) - centroid(first)) for first, one in pairs]
    notes = [(note(first), note(one)) for first, one in pairs]
    semitones = [abs(one - other) for one, other in notes if one is not None and other is not None]
    return {
        "variations_db": float(np.mean(varied)),
        "sounds_db": float(np.mean([apart(*pair) for pair in combinations(own, 2)])),
        "octaves": float(np.mean(octaves)),
        "octaves_most": max(octaves),
        "pitched_pairs": len(semitones),
        "semitones": float(np.mean(semitones)) if semitones else 0.0,
        "semitones_most": max(semitones, default=0.0),
    }


def layers(generator: SoundGenerator) -> dict[str, float]:
    request = InstrumentRequest(sounds=SOUNDS, velocity_layers=LAYERS, quality="fast")
    made = takes(generator, request)
    bright = np.array([[centroid(one) for one in sound] for sound in made])
    loud = np.array([[loudest(one) for one in sound] for sound in made])
    return {
        "octaves": float((bright[:, 0] - bright[:, -1]).mean()),
        "never_brighter": float((np.diff(bright) >= -ALIKE).all(1).mean()),
        "louder_db_most": float(-np.diff(loud).min()),
    }


def duller_and_quieter(codes: LatentMap) -> dict[int, float]:
    """The way between both, as long as it takes to go as far along that to duller sounds as that itself does."""
    brighter, louder = codes.towards("brightness"), codes.towards("loudness")
    both = {axis: part + louder[axis] for axis, part in brighter.items()}
    squared = sum(part**2 for part in both.values())  # of ways of length 1: four times that of what both share
    return {axis: -2 * part / squared for axis, part in both.items()}


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def command(runs: tuple[Path, ...]) -> None:
    """One line of JSON for the variations of a run, and one a way of its layers."""
    for run in runs:
        generator = SoundGenerator(open_model(run))
        say(run, "variations", turns(generator))
        say(run, "layers, duller", layers(generator))
        if generator.map.towards("brightness") and generator.map.towards("loudness"):
            with patch.object(make, "softer", duller_and_quieter):
                say(run, "layers, duller and quieter", layers(generator))


def say(run: Path, what: str, figures: dict[str, float]) -> None:
    click.echo(json.dumps({"run": run.name, "of": what} | {name: round(value, 2) for name, value in figures.items()}))
