"""``python -m tests.bench startup``: what lies between the command and the first update.

ratio: the processor time of a training of twenty sounds that ends after its first update, over that of ``import torch``
alone; its sounds are in the cache. ``cold``: the first time, when they are decoded.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path

import click

from engine.tasks.vae.demo.synthesis import synthesise_demo
from tests.bench.ratios import alternate, child_cpu_s, median, show

FILES = 20


@click.command()
@click.option("--rounds", default=3, show_default=True)
def command(rounds: int) -> None:
    """Compare a start with the import that it cannot do without."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        synthesise_demo(place / "sounds")
        for path in sorted((place / "sounds").glob("*.wav"))[FILES:]:
            path.unlink()
        numbers = itertools.count()

        def train(cache: str) -> float:
            number = next(numbers)
            root = place / f"run-{number}"
            options = ["--run-dir", root, "--max-steps", 1, "--threads", 1, "--preview-interval", 1000]
            used = place / (cache or f"cold-{number}")
            return child_cpu_s(["-m", "engine.train", place / "sounds", *options], used)

        train("warm")
        variants = {
            "import torch": lambda: child_cpu_s(["-c", "import torch"]),
            "start": lambda: train("warm"),
            "cold": lambda: train(""),
        }
        found = alternate(variants, rounds)
    beyond = median(found, "start") - median(found, "import torch")
    show("startup", median(found, "start") / median(found, "import torch"), found, beyond_import_s=round(beyond, 3))
