"""``python -m tests.bench inversion``: the way from mel spectrograms back to waves, alone. No training.

Every sound goes to its true spectrogram and back; see :mod:`tests.bench.attack` and :mod:`tests.bench.scoring` for the
figures. The last line is one JSON object: for each set the means over its files.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.torch import load_file

from engine import rng
from engine.audio.detail import DetailNet, infer
from engine.audio.files.io import read_wave
from engine.audio.inversion import BEST, FAST, Quality, invert_mel
from engine.audio.mel import RANGE_DB, AudioSpectrogram, to_power
from engine.audio.settings import SpectrogramConfig
from tests.bench.attack import compare, led_in
from tests.bench.scoring import RATE, mean_score, score

Inverse = Callable[[np.ndarray], np.ndarray]
SETS = ("drum_*", "tabla_*", "elec_*", "perc_*", "ambi_*")
SHOWN = ("attack_ms", "pre_db", "env_db", "first_db", "modulation", "fine_db", "active_db")


def sounds(data: Path, pattern: str, files: int, seconds: float) -> list[np.ndarray]:
    """At most ``files`` sounds, evenly over those that fit; cut to ``seconds``, of peak 1, 50 ms of silence first."""
    paths = sorted(path for path in data.rglob(pattern) if path.is_file())
    chosen = [paths[place] for place in np.linspace(0, len(paths) - 1, min(files, len(paths))).round().astype(int)]
    waves = [read_wave(path, RATE)[: round(seconds * RATE)] for path in chosen]
    return [led_in(wave / max(float(np.abs(wave).max()), 1e-9)).astype(np.float32) for wave in waves]


def from_mel(config: SpectrogramConfig, quality: Quality, net: DetailNet | None = None, sharp: bool = True) -> Inverse:
    """A wave [T] to its mel spectrogram, floored as a model's, and back; its start phases are those of a codec.

    net: infers the second picture instead of the shipped one. sharp: whether there is a second picture at all.
    """
    transform = AudioSpectrogram(config)

    def inverse(wave: np.ndarray) -> np.ndarray:
        db = transform(torch.from_numpy(wave)[None])
        power = torch.where(db < db.max() - RANGE_DB, 0.0, to_power(db))
        shape = (1, config.n_fft // 2 + 1, db.shape[-1])
        phase = torch.from_numpy(rng.generator(0, "phase").random(shape, dtype=np.float32))
        with torch.inference_mode():
            fine = infer(power, config, net) if sharp else None
            return invert_mel(power, config, len(wave), phase, quality, fine)[0].numpy()

    return inverse


def measure(waves: Sequence[np.ndarray], inverse: Inverse) -> dict[str, float]:
    """Means over ``waves``, and the processor's seconds for a second of sound."""
    began = time.process_time()
    back = [inverse(wave) for wave in waves]
    took = time.process_time() - began
    scores = [score(one, two) | compare(one, two) for one, two in zip(waves, back, strict=True)]
    return mean_score(scores) | {"processor_s": took / sum(map(len, waves)) * RATE}


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--set", "sets", multiple=True, default=SETS, show_default=True, help="A pattern of file names.")
@click.option("--files", default=10, show_default=True, help="Of each set at most.")
@click.option("--seconds", default=3.0, show_default=True, help="Of each file at most.")
@click.option("--quality", type=click.Choice(["best", "fast"]), default="best", show_default=True)
@click.option("--net", "weights", type=click.Path(exists=True, path_type=Path), help="Instead of the shipped one.")
@click.option("--soft", is_flag=True, help="Without a second picture.")
def command(
    data: Path, sets: Sequence[str], files: int, seconds: float, quality: str, weights: Path | None, soft: bool
) -> None:
    """Measure inversion on the sounds of --data, set by set."""
    torch.set_num_threads(1)
    net = DetailNet().eval().requires_grad_(False) if weights else None
    if net is not None and weights is not None:
        net.load_state_dict(load_file(weights))
    inverse = from_mel(SpectrogramConfig(), BEST if quality == "best" else FAST, net, not soft)
    click.echo(f"{'':12}" + "".join(f"{name:>12}" for name in SHOWN))
    result = {}
    for pattern in sets:
        waves = sounds(data, pattern, files, seconds)
        found = measure(waves, inverse)
        click.echo(f"{pattern:12}" + "".join(f"{found[name]:12.2f}" for name in SHOWN))
        result[pattern] = {name: round(value, 4) for name, value in found.items()}
    click.echo(json.dumps(result))
