"""``python -m tests.bench stereo RUN_DIR``: how recordings, their copies and new sounds lie between two channels.

The last line is one JSON object: quartiles of the correlation of both channels and of the side's level against the
middle's in dB, whole and in four bands; of copies also by how many dB their side is off in the middle.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

from engine.audio.files.io import read_stereo
from engine.audio.inversion import FAST
from engine.audio.stereo import middle_of
from engine.tasks.vae.sounds.generate import SoundGenerator
from engine.tasks.vae.sounds.load import open_model
from engine.tasks.vae.sounds.request import FromPrior, SoundRequest

EDGES_HZ = (0.0, 300.0, 1_200.0, 4_800.0, 24_000.0)
FLOOR_DB = -60.0  # a side so far down is none
FIGURES = ("correlation", "side_db", *(f"side_db_{low:.0f}_{high:.0f}_hz" for low, high in pairwise(EDGES_HZ)))


def lies(wave: np.ndarray, rate: int) -> np.ndarray:
    """[6]: the :data:`FIGURES` of a wave [T] or [T, 2]; NaN where a band of the middle holds next to nothing."""
    middle = middle_of(wave)
    side = wave[:, 0] - middle if wave.ndim == 2 else np.zeros_like(middle)
    hertz = np.fft.rfftfreq(len(middle), 1 / rate)
    energies = [np.abs(np.fft.rfft(part)) ** 2 for part in (middle, side)]
    bands = [(0.0, np.inf), *pairwise(EDGES_HZ)]
    own, beside = (
        np.array([energy[(hertz >= low) & (hertz < high)].sum() for low, high in bands]) for energy in energies
    )
    levels = 10 * np.log10(np.maximum(beside / np.maximum(own, 1e-20), 10 ** (FLOOR_DB / 10)))
    left, right = middle + side, middle - side
    correlation = float(left @ right / np.sqrt(max(float(left @ left) * float(right @ right), 1e-20)))
    return np.array([correlation, *np.where(own > 1e-6 * own[0], levels, np.nan)])


def quartiles(found: list[np.ndarray]) -> dict[str, list[float]]:
    """The three of each figure over sounds."""
    parts = np.nanpercentile(np.stack(found), [25, 50, 75], axis=0).T.round(2).tolist()
    return dict(zip(FIGURES, parts, strict=True))


@click.command()
@click.argument("run_dir", type=click.Path(path_type=Path))
@click.option("--count", default=48, show_default=True, help="New sounds.")
def command(run_dir: Path, count: int) -> None:
    """Fast quality. New sounds lie as those do that were learned, held-out recordings show what the split left out."""
    trained = open_model(run_dir, None)
    generator, rate, result = SoundGenerator(trained), trained.codec.config.sample_rate, {"run": trained.run}
    assert trained.source is not None
    for side in ("train", "val"):
        recorded = [read_stereo(trained.source / row.path, rate) for row in trained.files if row.split == side]
        copies = [trained.codec.reconstruct(middle_of(wave), FAST, image) for wave, image in recorded]
        own, ours = ([lies(wave, rate) for wave in waves] for waves in ([wave for wave, _ in recorded], copies))
        off = np.abs(np.stack(own) - np.stack(ours))[[image is not None for _, image in recorded], 1:]
        result |= {f"{side}_recorded": quartiles(own), f"{side}_copies": quartiles(ours)}
        result[f"{side}_copies_off_db"] = np.nanmedian(off, axis=0).round(2).tolist() if len(off) else None
    requests = [SoundRequest(origin=FromPrior(index=index), quality="fast") for index in range(count)]
    result["new"] = quartiles([lies(generator.make(request).wave, rate) for request in requests])
    click.echo(json.dumps(result))
