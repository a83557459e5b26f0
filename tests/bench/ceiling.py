"""``python -m tests.bench ceiling [RUN_DIR]...``: what a run loses by fewer, longer epochs.

A ceiling on epochs moves no update, it only makes checks rarer. So what it costs is computed from recorded runs: their
checks, and the same run had only every second, fourth or eighth of them been made. Without a run: the long ones of
``tests/bench/replay.npz``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from engine.metrics import best_place
from engine.rundir.reader import RunReader
from engine.sweet_range import SweetRange, sweet_range
from tests.bench.replay import recorded

EVERY = (1, 2, 4, 8)
LEAST_CHECKS = 80

Errors = NDArray[np.float64]


@dataclass(frozen=True)
class Thinned:
    """checks: how many were left. best: after which part of the run the kept state comes, 0...1. lost_db: its error
    above that of the state that all checks keep; below 0 where that one only looked better, smoothed. first, last:
    parts of the run between which the sweet range lies; None where the files cannot tell.
    """

    checks: int
    best: float
    lost_db: float
    first: float | None
    last: float | None

    def __str__(self) -> str:
        band = "–" if self.first is None or self.last is None else f"{self.first:.0%} to {self.last:.0%}"
        return f"{self.checks} | {self.best:.0%} | {self.lost_db:+.3f} | {band}"


def thinned(errors: Errors, every: int) -> Thinned:
    """errors [checks, files] of a run, of which each ``every``-th check is left, and the one at its end."""
    count = len(errors)
    places = sorted({*range(every - 1, count, every), count - 1})
    values = errors.mean(1).tolist()
    whole, found = best_place(values), best_place([values[place] for place in places])
    assert whole is not None and found is not None
    kept = places[found]
    left = errors[places]
    band = sweet_range([place + 1 for place in places], left.mean(1).tolist(), left.tolist())
    assert isinstance(band, SweetRange)
    return Thinned(
        checks=len(places),
        best=(kept + 1) / count,
        lost_db=values[kept] - values[whole],
        first=band.first / count if band.certain else None,
        last=band.last / count if band.certain else None,
    )


def curves(runs: Sequence[Path]) -> Iterator[tuple[str, Errors]]:
    """The error of every held-out file after every epoch, run by run."""
    for root in runs:
        reader = RunReader(root)
        files = reader.require_run().monitor.files
        assert files is not None
        errors = np.array([event[files] for event in reader.all_of("epoch")], np.float64)
        yield root.name, errors[:, np.isfinite(errors).all(0)]
    if not runs:
        yield from ((name, errors) for name, errors in recorded() if len(errors) >= LEAST_CHECKS)


@click.command()
@click.argument("runs", nargs=-1, type=click.Path(exists=True, file_okay=False, path_type=Path))
def command(runs: tuple[Path, ...]) -> None:
    """Print a table."""
    click.echo("| run | files | checks | kept at | lost, dB | sweet range |\n|---|---|---|---|---|---|")
    most = dict.fromkeys(EVERY, 0.0)
    for name, errors in curves(runs):
        for every in EVERY:
            found = thinned(errors, every)
            most[every] = max(most[every], found.lost_db)
            click.echo(f"| {name} | {errors.shape[1]} | {found} |")
    click.echo(", ".join(f"every {every}: {lost:.3f} dB at most" for every, lost in most.items()))
