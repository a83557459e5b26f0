"""``python -m tests.bench replay``: recorded runs, told to stop after the sweet spot: when, and at what cost?

The recording holds nothing but the error of every held-out file after every epoch. ``--record DATA`` makes it anew
with real training processes, small ones (8 channels, batches of 4): what matters here is how files scatter, curves
wobble and turn. Half of the runs have the defaults, which hardly overfit; half have no variations, which do.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from engine.metrics import best_place
from engine.rundir.reader import RunReader
from engine.sweet_range import SweetRange, optimism, sweet_range
from tests.bench.quality import train

RECORDING = Path(__file__).with_name("replay.npz")
UNIT_DB = 1e-3  # of the whole numbers in the recording
BARE = ("--preset", "aggressive", "--augment-strength", "0")
SMALL = ("--channels", "8", "--threads", "1", "--batch-size", "4", "--chunk-duration-s", "0.5", "--checkpoint-interval", "99999",
         "--preview-interval", "99999", "--preview-interval-short", "99999")  # fmt: skip
RATES = {16_000: ("--n-mels", "64", "--sample-rate", "16000", "--n-fft", "1024", "--hop-length", "256"),
         8_000: ("--n-mels", "32", "--sample-rate", "8000", "--n-fft", "512", "--hop-length", "128")}  # fmt: skip

Errors = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """One run: which files (at most ``count``, evenly chosen of those that fit), for how long, how small, how bare."""

    folder: str
    pattern: str
    count: int
    steps: int
    rate: int
    bare: bool = False

    @property
    def name(self) -> str:
        what = self.folder.removeprefix("fsdd_") if self.pattern == "*" else self.pattern.removesuffix("_*")
        return f"{what}-{self.count}{'-bare' if self.bare else ''}"

    def sounds(self, data: Path, place: Path) -> Path:
        found = sorted(path for path in (data / self.folder).glob(self.pattern) if path.suffix in (".flac", ".wav"))
        count = min(self.count, len(found))
        place.mkdir()
        for path in (found[number * len(found) // count] for number in range(count)):
            (place / path.name).symlink_to(path.resolve())
        return place


RECIPES = ()


@dataclass(frozen=True)
class Replay:
    """What stopping would have done. lost_db: the kept epoch's error minus that of the full run's best, above 0."""

    name: str
    files: int
    epochs: int
    ended: int | None
    lost_db: float
    optimism_db: float | None
    at_end: SweetRange

    @property
    def saved(self) -> float:
        """The part of the run that was not needed."""
        return 0.0 if self.ended is None else 1 - self.ended / self.epochs


def replay(name: str, errors: Errors) -> Replay:
    """errors [epochs, files]: decide after every epoch as the trainer does, knowing only the epochs before it."""
    values, files, epochs = errors.mean(1).tolist(), errors.tolist(), list(range(1, len(errors) + 1))

    def after(epoch: int) -> SweetRange:
        found = sweet_range(epochs[:epoch], values[:epoch], files[:epoch])
        assert found is not None
        return found

    ended = next((epoch for epoch in epochs if after(epoch).behind), None)
    best = best_place(values)
    assert best is not None
    kept = values[after(ended).best - 1] if ended else values[best]
    cost = max(0.0, kept - values[best])
    return Replay(name, errors.shape[1], len(errors), ended, cost, optimism(files), after(len(errors)))


def recorded(path: Path = RECORDING) -> Iterator[tuple[str, Errors]]:
    with np.load(path) as runs:
        for name in runs.files:
            yield name, runs[name] * UNIT_DB


def record(recipe: Recipe, data: Path) -> Errors:
    """Train as ``recipe`` says; the error of every held-out file [epochs, files]."""
    with tempfile.TemporaryDirectory() as place:
        sounds, root = recipe.sounds(data, Path(place) / "sounds"), Path(place) / "run"
        bare = BARE if recipe.bare else ()
        train(sounds, root, ["--max-steps", str(recipe.steps), *SMALL, *RATES[recipe.rate], *bare])
        run = RunReader(root).run()
        assert run is not None and run.monitor.files is not None
        return np.array([event[run.monitor.files] for event in RunReader(root).all_of("epoch")])


def table(found: list[Replay]) -> Iterator[str]:
    yield "| run | files that check | epochs | best | sweet range | ended after | saved | lost | optimism |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        end = one.at_end
        band = f"{end.first} to {end.last}" if end.certain else "cannot tell"
        ended = "–" if one.ended is None else f"{one.ended}"
        flattered = "–" if one.optimism_db is None else f"{one.optimism_db:.2f}"
        yield (
            f"| {one.name} | {one.files} | {one.epochs} | {end.best} | {band} | {ended} | {one.saved:.0%} | "
            f"{one.lost_db:.2f} | {flattered} |"
        )


@click.command()
@click.option("--record", "data", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Train every run again on the sets in this folder; an hour on one quiet core.")  # fmt: skip
def command(data: Path | None) -> None:
    """Replay the recorded runs, and print a table and one JSON line last."""
    if data is not None:
        curves = {}
        for recipe in RECIPES:
            curves[recipe.name] = np.round(record(recipe, data) / UNIT_DB).astype(np.uint16)
            click.echo(f"{recipe.name}: {curves[recipe.name].shape}", err=True)
            np.savez_compressed(RECORDING, **curves)
    found = [replay(name, errors) for name, errors in recorded()]
    for line in table(found):
        click.echo(line)
    flattered = [one.optimism_db for one in found if one.optimism_db is not None]
    click.echo(
        json.dumps(
            {
                "runs": len(found),
                "ended": sum(one.ended is not None for one in found),
                "most_lost_db": round(max(one.lost_db for one in found), 3),
                "saved_mean": round(float(np.mean([one.saved for one in found])), 3),
                "optimism_median_db": round(float(np.median(flattered)), 3),
                "optimism_most_db": round(max(flattered), 3),
            }
        )
    )
