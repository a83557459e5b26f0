"""``python -m tests.bench planted``: how many softer copies of learnt sounds the memorisation meter names.

Each chunk of the recordings comes as a new sound, between two frames and 0 to ``--softer`` dB softer. ``--minutes``
puts a large collection together from them first.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import numpy as np

from engine.audio.mel import RANGE_DB, AudioSpectrogram
from engine.audio.segments import evenly
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.audio.window_index import WindowIndex
from engine.collection.collection import Sound, open_collection
from engine.tasks.vae.copying import CopyingMeter
from engine.tasks.vae.dataset import AudioTrainingDataset, sweep
from tests.bench.meter import minutes as made_minutes

FAR_DB = 1.0


@dataclass(frozen=True)
class Minute:
    """What training data asks of a sound. As files of sound, hours of them would be written and read for an hour."""

    path: str
    file: Path
    num_samples: int

    def pcm(self) -> np.ndarray:
        return np.memmap(self.file, np.int16, "r")


def meter_of(train: AudioTrainingDataset) -> CopyingMeter:
    """A meter that has heard all of ``train``, without a yardstick."""
    transform = AudioSpectrogram(train.spectrogram)
    index = WindowIndex(train.frames, train.spectrogram.full_scale_db - RANGE_DB)
    loudest = float(sweep(train, transform, index).ceiling.max())
    return CopyingMeter(train, transform, index, loudest - RANGE_DB)


@contextmanager
def sounds_of(data: Path, minutes: int) -> Iterator[Sequence[Sound]]:
    """The recordings below ``data``; or ``minutes`` sounds of a minute that were put together from them."""
    if not minutes:
        yield open_collection(data, DecodeSettings()).sounds
        return
    with tempfile.TemporaryDirectory() as place:
        made = []
        for number, wave in enumerate(made_minutes(minutes, 60, data)):
            file = Path(place) / f"{number:04}"
            np.round(32767 * wave / np.abs(wave).max()).astype(np.int16).tofile(file)
            made.append(Minute(file.name, file, len(wave)))
        yield cast(list[Sound], made)


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), default=Path("../shared/data/sonicpi"), show_default=True
)
@click.option("--softer", default=12.0, show_default=True, help="dB at most.")
@click.option("--chunk", default=1.0, show_default=True, help="Seconds.")
@click.option("--draws", default=2, show_default=True, help="Copies of each chunk.")
@click.option("--minutes", default=0, help="So many sounds of a minute, put together from the recordings.")
@click.option("--count", default=0, help="So many of the chunks, evenly chosen; 0: all.")
def command(data: Path, softer: float, chunk: float, draws: int, minutes: int, count: int) -> None:
    """Plant copies of every chunk and say how many are named by their own file, and how near they are found."""
    with sounds_of(data, minutes) as sounds:
        train = AudioTrainingDataset(sounds, SpectrogramConfig(), chunk)
        began = time.process_time()
        meter, transform, hop = meter_of(train), AudioSpectrogram(train.spectrogram), train.spectrogram.hop_length
        heard = time.process_time()
        numbers = np.random.default_rng(0)
        distances, missed, silent = [], [], 0
        for one in [one for one in evenly(train.chunks, count or len(train.chunks)) for _ in range(draws)]:
            late, quiet = numbers.random(2).tolist()
            db = train.frames_db(one.sound, one.start // hop, train.frames, transform, int(late * hop))
            near = meter.nearest(db - softer * quiet)
            if near is None:
                silent += 1
                continue
            distances.append(near.distance_db)
            if near.sound != one.sound:
                missed.append(near.distance_db)
                where = f"{train.sounds[one.sound].path} at {one.start / train.spectrogram.sample_rate:.0f} s"
                click.echo(f"{where}, {softer * quiet:.1f} dB softer: {near.distance_db:.1f} dB from another file")
    far = sum(distance > FAR_DB for distance in missed)
    click.echo(
        f"{len(distances)} planted ({silent} more lie at the floor), "
        f"{len(missed)} not named ({far} of them more than {FAR_DB:.0f} dB off), "
        f"median distance {np.median(distances):.2f} dB; heard in {heard - began:.0f} s, "
        f"{(time.process_time() - heard) / len(distances):.2f} s a copy, of processor time"
    )
