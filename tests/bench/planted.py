"""``python -m tests.bench planted``: how many softer copies of learnt sounds the memorisation meter names.

Each chunk of the recordings comes as a new sound, between two frames and 0 to ``--softer`` dB softer.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from engine.audio.mel import RANGE_DB, AudioSpectrogram
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.audio.window_index import WindowIndex
from engine.collection.collection import open_collection
from engine.tasks.vae.copying import CopyingMeter
from engine.tasks.vae.dataset import AudioTrainingDataset, sweep

FAR_DB = 1.0


def meter_of(train: AudioTrainingDataset) -> CopyingMeter:
    """A meter that has heard all of ``train``, without a yardstick."""
    transform = AudioSpectrogram(train.spectrogram)
    index = WindowIndex(train.frames, train.spectrogram.full_scale_db - RANGE_DB)
    loudest = float(sweep(train, transform, index).ceiling.max())
    return CopyingMeter(train, transform, index, loudest - RANGE_DB)


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, exists=True), default=Path("../shared/data/sonicpi"), show_default=True
)
@click.option("--softer", default=12.0, show_default=True, help="dB at most.")
@click.option("--chunk", default=1.0, show_default=True, help="Seconds.")
@click.option("--draws", default=2, show_default=True, help="Copies of each chunk.")
def command(data: Path, softer: float, chunk: float, draws: int) -> None:
    """Plant copies of every chunk and say how many are named by their own file, and how near they are found."""
    train = AudioTrainingDataset(open_collection(data, DecodeSettings()).sounds, SpectrogramConfig(), chunk)
    meter, transform, hop = meter_of(train), AudioSpectrogram(train.spectrogram), train.spectrogram.hop_length
    numbers = np.random.default_rng(0)
    distances, missed = [], []
    for one in [one for one in train.chunks for _ in range(draws)]:
        late, quiet = numbers.random(2).tolist()
        db = train.frames_db(one.sound, one.start // hop, train.frames, transform, int(late * hop))
        near = meter.nearest(db - softer * quiet)
        distances.append(near.distance_db)
        if near.sound != one.sound:
            missed.append(near.distance_db)
            where = f"{train.sounds[one.sound].path} at {one.start / train.spectrogram.sample_rate:.0f} s"
            click.echo(f"{where}, {softer * quiet:.1f} dB softer: {near.distance_db:.1f} dB from another file")
    far = sum(distance > FAR_DB for distance in missed)
    click.echo(
        f"{len(distances)} planted, {len(missed)} not named ({far} of them more than {FAR_DB:.0f} dB off), "
        f"median distance {np.median(distances):.2f} dB"
    )
