"""``python -m tests.bench preview``: what previews cost a run.

ratio: of the processor time of a run of automatic length, the share of everything that is written to be heard, with
the snapshot beside it, as often as the settings say.
"""

from __future__ import annotations

import itertools

import click

from tests.bench.ratios import alternate, cpu_s, show
from tests.bench.shares import begun, share, usual


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Compare previews with the updates and checks between them."""
    with begun() as trainer:
        epochs, model = itertools.count(1), trainer.average.model
        parts = {
            "preview": lambda: cpu_s(lambda: trainer.archive.write_previews(model, next(epochs), 7, {})),
            "of it fitting": lambda: cpu_s(lambda: trainer.task.prepare_snapshot(model)),
            "of it making": lambda: cpu_s(lambda: list(trainer.task.previews(model, 1))),
        }
        found = alternate(usual(trainer) | parts, rounds)
        ratio = share(trainer, found, "preview")
    show("preview", ratio, found)
