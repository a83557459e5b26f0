"""``python -m tests.bench queue``: what it costs to have trainings wait for their turn.

ratio: the processor time of a queue that trains four requests one after the other, over that of the same four trained
by four commands. ``two slots``: the same queue with two at once. ``nothing``: a queue in which nothing waits, which is
what starting and ending the worker costs.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import click

from tests.bench.ratios import alternate, child_cpu_s, median, show

RUNS = 4


@click.command()
@click.option("--rounds", default=3, show_default=True)
@click.option("--updates", default=100, show_default=True, help="Of each training of the demo's sounds.")
def command(rounds: int, updates: int) -> None:
    """Compare trainings of a queue with trainings that are begun by hand."""
    with tempfile.TemporaryDirectory() as name:
        place, numbers = Path(name), itertools.count()
        cache = place / "cache"

        def folder() -> Path:
            return place / f"runs-{next(numbers)}"

        def asked(root: Path, number: int) -> list[object]:
            return ["demo", "--name", f"run-{number}", "--max-steps", updates, "--seed", number, "--runs-dir", root]

        def by_hand() -> float:
            runs = folder()
            return sum(
                child_cpu_s(["-m", "engine", "train", *asked(runs, number), "--threads", 1], cache)
                for number in range(RUNS)
            )

        def queued(slots: int, count: int = RUNS) -> float:
            runs = folder()
            runs.mkdir()
            for number in range(count):
                child_cpu_s(["-m", "engine", "queue", "add", *asked(runs, number)], cache)
            run = ["-m", "engine", "queue", "run", "--slots", slots, "--threads", 1, "--runs-dir", runs]
            return child_cpu_s(run, cache)

        by_hand()
        variants = {
            "by hand": by_hand,
            "one slot": lambda: queued(1),
            "two slots": lambda: queued(2),
            "nothing": lambda: queued(1, 0),
        }
        found = alternate(variants, rounds)
    show("queue", median(found, "one slot") / median(found, "by hand"), found, runs=RUNS, updates=updates)
