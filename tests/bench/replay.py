"""``python -m tests.bench replay``: recorded runs, told to stop after the sweet spot: when, and at what cost?

The recording holds nothing but the error of every held-out file after every epoch. ``--record DATA`` makes it anew
with real training processes, small ones (8 channels, batches of 4): what matters here is how files scatter, curves
wobble and turn. Half of the runs have the defaults, which hardly overfit; half have no variations, which do.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from engine.curves import best_place, smooth
from engine.rundir.reader import RunReader
from engine.sweet_range import SweetRange, may_end, sweet_range
from tests.bench.quality import train

RECORDING = Path(__file__).with_name("replay.npz")
UNIT_DB = 1e-3  # of the whole numbers in the recording
BARE = ("--preset", "aggressive", "--augment-strength", "0")
SMALL = ("--channels", "8", "--threads", "1", "--batch-size", "4", "--chunk-duration-s", "0.5",
         "--checkpoint-interval", "999", "--preview-interval", "999", "--preview-interval-short", "999")  # fmt: skip
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
        return f"{what}-{self.count}-{self.steps}{'-bare' if self.bare else ''}"

    def sounds(self, data: Path, place: Path) -> Path:
        found = sorted(path for path in (data / self.folder).glob(self.pattern) if path.suffix in (".flac", ".wav"))
        count = min(self.count, len(found))
        place.mkdir()
        for path in (found[number * len(found) // count] for number in range(count)):
            (place / path.name).symlink_to(path.resolve())
        return place


RECIPES = (
    Recipe("sonicpi", "perc_*", 2, 3000, 16000),
    Recipe("sonicpi", "drum_*", 6, 4000, 16000),
    Recipe("sonicpi_more", "glitch_*", 8, 4000, 16000),
    Recipe("sonicpi_more", "bass_*", 9, 4000, 16000),
    Recipe("fsdd_jackson", "*", 12, 4000, 16000),
    Recipe("sonicpi", "drum_*", 20, 4000, 16000),
    Recipe("sonicpi", "elec_*", 22, 1500, 8000),
    Recipe("fsdd_jackson", "*", 37, 1500, 8000),
    Recipe("fsdd_jackson", "*", 150, 1500, 8000),
    Recipe("sonicpi", "drum_*", 6, 2000, 16000, bare=True),
    Recipe("sonicpi_more", "glitch_*", 8, 2000, 16000, bare=True),
    Recipe("sonicpi", "perc_*", 10, 4000, 8000, bare=True),
    Recipe("fsdd_jackson", "*", 12, 4000, 8000, bare=True),
    Recipe("sonicpi", "drum_*", 20, 1200, 8000, bare=True),
    Recipe("sonicpi", "elec_*", 22, 1200, 8000, bare=True),
    Recipe("sonicpi", "elec_*", 22, 4000, 8000, bare=True),
    Recipe("sonicpi", "tabla_*", 23, 1200, 8000, bare=True),
    Recipe("fsdd_jackson", "*", 37, 1200, 8000, bare=True),
    Recipe("sonicpi_more", "*", 50, 1500, 8000, bare=True),
    Recipe("fsdd_jackson", "*", 75, 1500, 8000, bare=True),
    Recipe("fsdd_jackson", "*", 150, 1500, 8000, bare=True),
)


@dataclass(frozen=True)
class End:
    """Where a rule would have ended a run (None: not before its end), and what that costs.

    saved: the part of the run that was not needed. lost_db: the kept epoch's error above that of the full run's best.
    """

    epoch: int | None
    saved: float
    lost_db: float

    def __str__(self) -> str:
        return "–" if self.epoch is None else f"{self.epoch}: {self.saved:.0%}, {self.lost_db:.2f} dB"


@dataclass(frozen=True)
class Replay:
    """asked: what --stop-after-sweet-spot does. For comparison, in_pairs: only once the range lies behind; by_the_mean:
    a control that looks at no file."""

    name: str
    files: int
    epochs: int
    at_end: SweetRange
    asked: End
    in_pairs: End
    by_the_mean: End


def replay(name: str, errors: Errors) -> Replay:
    """errors [epochs, files]: decide after every epoch as the trainer does, knowing only the epochs before it."""
    files = errors.tolist()
    values, epochs = errors.mean(1).tolist(), list(range(1, len(errors) + 1))

    def after(epoch: int) -> SweetRange:
        found = sweet_range(epochs[:epoch], values[:epoch], files[:epoch])
        assert found is not None
        return found

    return Replay(
        name=name,
        files=errors.shape[1],
        epochs=len(errors),
        at_end=after(len(errors)),
        asked=_end(values, lambda epoch: may_end(after(epoch), values[:epoch], epoch / len(errors))),
        in_pairs=_end(values, lambda epoch: after(epoch).behind),
        by_the_mean=_end(values, lambda epoch: _mean_rose(values[:epoch])),
    )


def _mean_rose(values: list[float]) -> bool:
    """Whether the smoothed mean lies 2 % above its best, three epochs or more ago."""
    best, curve = best_place(values), smooth(values)
    return best is not None and len(values) - 1 - best >= 3 and curve[-1] > 1.02 * curve[best]


def _end(values: list[float], decide: Callable[[int], bool]) -> End:
    ended = next((epoch for epoch in range(1, len(values) + 1) if decide(epoch)), None)
    if ended is None:
        return End(None, 0.0, 0.0)
    kept, best = best_place(values[:ended]), best_place(values)
    assert kept is not None and best is not None
    return End(ended, 1 - ended / len(values), max(0.0, values[kept] - values[best]))


def recorded(path: Path = RECORDING) -> Iterator[tuple[str, Errors]]:
    with np.load(path) as runs:
        for name in runs.files:
            yield name, runs[name] * UNIT_DB


def record(recipe: Recipe, data: Path, *options: str) -> Errors:
    """Train as ``recipe`` says, and with ``options``; the error of every held-out file [epochs, files]."""
    with tempfile.TemporaryDirectory() as place:
        sounds, root = recipe.sounds(data, Path(place) / "sounds"), Path(place) / "run"
        bare = BARE if recipe.bare else ()
        train(sounds, root, ["--max-steps", str(recipe.steps), *SMALL, *RATES[recipe.rate], *bare, *options])
        run = RunReader(root).run()
        assert run is not None and run.monitor.files is not None
        return np.array([event[run.monitor.files] for event in RunReader(root).all_of("epoch")])


def table(found: list[Replay]) -> Iterator[str]:
    yield "| run | files | epochs | best | sweet range | optimism, dB | ended | only in pairs | by the mean alone |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for one in found:
        end = one.at_end
        band = f"{end.first} to {end.last}" if end.certain else "cannot tell"
        flattered = "–" if one.at_end.optimism is None else f"{one.at_end.optimism:.2f}"
        facts = (one.name, one.files, one.epochs, end.best, band, flattered, one.asked, one.in_pairs, one.by_the_mean)
        yield f"| {' | '.join(map(str, facts))} |"


def figures(ends: list[End]) -> dict[str, float]:
    """Of one rule over all runs."""
    return {
        "ended": sum(end.epoch is not None for end in ends),
        "saved_mean": round(float(np.mean([end.saved for end in ends])), 3),
        "lost_more_than_0.2_db": sum(end.lost_db > 0.2 for end in ends),
        "most_lost_db": round(max(end.lost_db for end in ends), 3),
    }


@click.command()
@click.option("--record", "data", type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Train every run again on the sets in this folder; an hour on one quiet core.")  # fmt: skip
@click.option("--recording", default=RECORDING, type=click.Path(dir_okay=False, path_type=Path),
              help="The file to replay, or to record into; without it the project's own.")  # fmt: skip
@click.option("--seed", default=0, show_default=True, help="To record with.")
@click.option("--split-seed", default=42, show_default=True, help="To record with.")
def command(data: Path | None, recording: Path, seed: int, split_seed: int) -> None:
    """Replay the recorded runs, and print a table and one JSON line last."""
    if data is not None:
        curves = {}
        for recipe in RECIPES:
            errors = record(recipe, data, "--seed", str(seed), "--split-seed", str(split_seed))
            curves[recipe.name] = np.round(errors / UNIT_DB).astype(np.uint16)
            click.echo(f"{recipe.name}: {errors.shape}", err=True)
            np.savez_compressed(recording, **curves)
    found = [replay(name, errors) for name, errors in recorded(recording)]
    for line in table(found):
        click.echo(line)
    flattered = [one.at_end.optimism for one in found if one.at_end.optimism is not None]
    summary = {
        "runs": len(found),
        "optimism_median_db": round(float(np.median(flattered)), 3),
        "asked": figures([one.asked for one in found]),
        "in_pairs": figures([one.in_pairs for one in found]),
        "by_the_mean": figures([one.by_the_mean for one in found]),
    }
    click.echo(json.dumps(summary))
