"""``python -m tests.bench checkpoint``: what being able to resume costs a run.

ratio: of the processor time of a run of automatic length, the share of its checkpoints, a new best state with each, as
often as the settings say.
"""

from __future__ import annotations

import itertools

import click

from engine.loop.trainer import Trainer
from tests.bench.ratios import alternate, cpu_s, show
from tests.bench.shares import begun, share, usual


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Compare checkpoints with the updates and checks between them."""
    with begun() as trainer:
        trainer._close_epoch()
        steps = itertools.count(trainer.tracker.step + 1_000_000)

        def save(trainer: Trainer) -> None:
            trainer.archive.keep_best()
            trainer.archive.saved_step = -1
            trainer.archive._prepared = None  # of the two that are saved, one has been fitted for its previews
            trainer.tracker.step, before = next(steps), trainer.tracker.step
            assert trainer.archive.save(trainer.tracker, 1, "bench", {})
            trainer.tracker.step = before

        parts = {
            "save": lambda: cpu_s(lambda: save(trainer)),
            "of it fitting": lambda: cpu_s(lambda: trainer.task.prepare_snapshot(trainer.average.model)),
        }
        found = alternate(usual(trainer) | parts, rounds)
        ratio = share(trainer, found, "save")
    show("checkpoint", ratio, found)
