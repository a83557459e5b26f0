"""``python -m tests.bench loading``: a start on many files, and the same once more.

ratio: what it takes to open a collection and prepare its task when the cache has all of it, verified, over the same
with nothing kept but the decoded sounds. A scan, and what a start spends on looking at the files, stand beside it.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import pytest
import soundfile

from engine.audio.settings import DecodeSettings
from engine.collection import collection
from engine.collection.collection import open_collection
from engine.tasks.vae import preparation
from engine.tasks.vae.demo.synthesis import demo_sounds
from tests.bench.ratios import alternate, child_cpu_s, cpu_s, median, show
from tests.bench.training import job_of, task_of


def make_files(folder: Path, count: int, data: Path | None) -> None:
    """``count`` sounds that differ: recordings below ``data`` or the demo's, filtered anew each time they return."""
    folder.mkdir()
    found = [] if data is None else sorted(path for path in data.rglob("*") if path.suffix in (".flac", ".wav"))
    waves = [soundfile.read(path, always_2d=True, dtype="float32") for path in found[:count]]
    sounds = [(wave.mean(1), rate) for wave, rate in waves] or [(wave, 48_000) for wave in demo_sounds().values()]
    draws = np.random.default_rng(0)
    for number, (wave, rate) in zip(range(count), itertools.cycle(sounds), strict=False):
        again = number // len(sounds)
        taken = wave[: max(2_000, round(len(wave) * (1 - 0.05 * again)))]
        filtered = np.convolve(taken, draws.normal(0, 0.3, 24), "same") if again else taken
        peak = float(np.abs(filtered).max()) or 1.0
        soundfile.write(folder / f"{number:05}.wav", filtered * (draws.uniform(0.2, 0.9) / peak), rate)


def variants(place: Path, sounds: Path) -> dict[str, Callable[[], float]]:
    def anew() -> None:
        with pytest.MonkeyPatch.context() as patch:
            for module in (collection, preparation):
                patch.setattr(module, "recall", lambda cache, key, compute, damaged=None: compute())
            task_of(job_of(str(sounds), place / "run"))

    return {
        "start, nothing kept": lambda: cpu_s(anew),
        "start": lambda: cpu_s(lambda: task_of(job_of(str(sounds), place / "run"))),
        "of it the files": lambda: cpu_s(lambda: open_collection(sounds, DecodeSettings())),
        "scan": lambda: child_cpu_s(["-m", "engine", "scan", sounds, "--json"]),
        "python and the engine": lambda: child_cpu_s(["-c", "import engine.commands.scan"]),
    }


@click.command()
@click.option("--files", default=1000, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Recordings to take; else the demo's.")
@click.option("--rounds", default=3, show_default=True)
def command(files: int, data: Path | None, rounds: int) -> None:
    """Compare the first start on many files with later ones."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        place = Path(name)
        patch.setenv("SWEETSPOT_CACHE", str(place / "cache"))
        make_files(place / "sounds", files, data)
        measured = variants(place, place / "sounds")
        first = {"scan, cold": [measured["scan"]()], "start, first": [measured["start"]()]}
        found = alternate(measured, rounds) | first
    show("loading", median(found, "start") / median(found, "start, nothing kept"), found, files=files)
