"""``python -m tests.bench reader``: what being watched costs the trainer.

ratio: the trainer's processor time of an update while twenty viewers read its run twice a second, over that of an
update nobody watches.

``python -m tests.bench.reader RUN_DIR COUNT`` are the viewers.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

from engine.loop.trainer import Trainer
from engine.rundir.reader import RunReader
from tests.bench.ratios import alternate, cpu_s, median, show
from tests.bench.training import train_step, training
from tests.conftest import ROOT

VIEWERS, STEPS = 20, 60


def watch(root: Path, count: int) -> None:
    """What that many open pages ask a run for, until killed."""
    readers = [RunReader(root) for _ in range(count)]
    while True:
        began = time.monotonic()
        for reader in readers:
            reader.view()
            reader.previews()
        time.sleep(max(0.0, 0.5 - (time.monotonic() - began)))


def watched(trainer: Trainer) -> float:
    arguments = ["-m", "tests.bench.reader", str(trainer.writer.root), str(VIEWERS)]
    with subprocess.Popen([sys.executable, *arguments], cwd=ROOT) as viewers:
        time.sleep(2.0)
        assert viewers.poll() is None
        taken = cpu_s(lambda: train_step(trainer), STEPS)
        viewers.kill()
    return taken


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Compare updates that are watched with updates that are not."""
    with tempfile.TemporaryDirectory() as place, training("demo", Path(place) / "run") as trainer:
        alone = {"alone": lambda: cpu_s(lambda: train_step(trainer), STEPS), "watched": lambda: watched(trainer)}
        found = alternate(alone, rounds)
    show("reader", median(found, "watched") / median(found, "alone"), found)


if __name__ == "__main__":
    watch(Path(sys.argv[1]), int(sys.argv[2]))
