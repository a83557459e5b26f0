"""How well ``sweetspot resynthesise`` follows the sounds it is given, beside the model's copies of them."""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
import torch

from engine.audio.inversion import FAST
from engine.audio.mel import to_power
from engine.audio.nearest import relative_db
from engine.tasks.vae.sounds.collection_codes import collection_codes
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.inputs import open_sound
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import Making
from engine.tasks.vae.sounds.resynthesis import resynthesise
from tests.bench.nearest_window import nearest_window

_FRAMES, _EVERY, _MOST = 16, 48, 10


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.argument("sounds", nargs=-1, required=True)
def command(run_dir: Path, sounds: tuple[str, ...]) -> None:
    """Figures for each sound: loudness r, log-mel error and spectral convergence to it, and to the collection."""
    generator = SoundGenerator(open_model(run_dir))
    known = collection_codes(generator.trained)
    collection = [relative_db(db) for db in generator.codec.decode(known.codes)]
    click.echo("sound, way: loudness r, log-mel error dB, spectral convergence, to the collection dB")
    for name in sounds:
        wave = open_sound(generator.trained, name).wave
        assert wave is not None
        ways = {
            "copy": generator.codec.reconstruct(wave, FAST),
            "grains": resynthesise(generator, name, Making(quality="fast")).wave,
        }
        for way, made in ways.items():
            figures = _figures(generator, wave, made, collection)
            click.echo(f"{Path(name).stem}, {way}: " + ", ".join(f"{figure:.3g}" for figure in figures))


def _figures(
    generator: SoundGenerator, wave: np.ndarray, made: np.ndarray, collection: list[torch.Tensor]
) -> tuple[float, ...]:
    """Both at the same level over the bins within 60 dB of the loudest."""
    wanted, found = (relative_db(generator.codec.transform(torch.from_numpy(one)[None])[0]) for one in (wave, made))
    heard = wanted > -60
    found = found + (wanted - found)[heard].median()
    error = float((wanted - found)[heard].abs().mean())
    one, other = to_power(wanted / 2), to_power(found / 2)
    follows = float(np.corrcoef(_loudness(wave), _loudness(made))[0, 1])
    return follows, error, float((one - other).norm() / one.norm()), _apart(found, collection)


def _apart(db: torch.Tensor, collection: list[torch.Tensor]) -> float:
    """Mean distance in dB of a few windows of 0.17 s to the nearest of the collection."""
    places = [at for at in range(0, db.shape[1] - _FRAMES, _EVERY) if db[:, at : at + _FRAMES].max() > db.max() - 40]
    cut = [relative_db(db[:, at : at + _FRAMES]) for at in places[:_MOST]]
    return float(np.mean([nearest_window(window, collection, stride=2).distance_db for window in cut]))


def _loudness(wave: np.ndarray) -> np.ndarray:
    """In dB by the frame of 1,024 samples, down to 60 below the loudest."""
    frames = np.lib.stride_tricks.sliding_window_view(wave, 1024)[::512]
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-12)
    return np.maximum(level, level.max() - 60)
