"""``python -m tests.bench meter``: what the memorisation meter costs a run on many long files.

ratio: of the processor time of a run of automatic length, the share of all readings against all training sounds, as
often as the settings say.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import soundfile

from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.tasks.vae.task import VAETask
from tests.bench.ratios import alternate, cpu_s, show
from tests.bench.shares import STEPS, share, usual
from tests.bench.training import train_step, training


def minutes(count: int, seconds: float, data: Path) -> Iterator[np.ndarray]:
    """``count`` waves, each put together from stretches of the recordings below ``data`` at other speeds and levels."""
    settings = DecodeSettings()
    rate = settings.sample_rate
    waves = [sound.pcm() / 32767 * sound.gain for sound in open_collection(data, settings).sounds]
    draws = np.random.default_rng(0)
    for _ in range(count):
        made: list[np.ndarray] = []
        while sum(map(len, made)) < seconds * rate:
            wave = waves[draws.integers(len(waves))]
            first = draws.integers(max(1, len(wave) // 2))
            stretch = wave[first : first + draws.integers(rate // 4, 4 * rate)]
            places = np.arange(0, max(1, len(stretch) - 1), draws.uniform(0.7, 1.4))
            made.append(draws.uniform(0.2, 0.9) * np.interp(places, np.arange(len(stretch)), stretch))
        yield np.concatenate(made)[: round(seconds * rate)]


def make_minutes(folder: Path, count: int, seconds: float, data: Path) -> None:
    """Write :func:`minutes` as files."""
    for number, wave in enumerate(minutes(count, seconds, data)):
        soundfile.write(folder / f"{number:04}.flac", wave, DecodeSettings().sample_rate)


@click.command()
@click.option("--files", default=500, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--rounds", default=5, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), default=Path("../shared/data"), show_default=True)
def command(files: int, seconds: float, rounds: int, data: Path) -> None:
    """Compare the readings of the memorisation meter with the updates and checks between them."""
    with tempfile.TemporaryDirectory() as place:
        sounds = Path(place) / "sounds"
        sounds.mkdir()
        make_minutes(sounds, files, seconds, data)
        with training(str(sounds), Path(place) / "run", None) as trainer:
            for _ in range(STEPS):
                train_step(trainer)
            task, model = trainer.task, trainer.average.model
            assert isinstance(task, VAETask)
            task.prepare_snapshot(model)
            codec = task._codec_of(model)
            parts = {"preview": lambda: cpu_s(lambda: task._read_meter(codec))}
            found = alternate(usual(trainer) | parts, rounds)
            segment = trainer.plans.last
            ratio = share(trainer, found, "preview")
    found["reading"] = found.pop("preview")
    show("meter", ratio, found, files=files, updates=segment.total_steps, epochs=segment.total_epochs)
