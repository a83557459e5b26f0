"""``python -m tests.bench telemetry``: what telling costs the trainer.

ratio: of a step's processor time, what goes into its event, the status in memory and the heart that writes it.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import click

from engine.loop.trainer import Trainer
from tests.bench.ratios import alternate, cpu_s, median, show
from tests.bench.training import train_step, training

STEPS, REPORTS, BEATING_S = 20, 200, 4.0
VALUES = {
    "train_loss": 0.123456789, "recon_loss": 0.123456789, "kl_loss": 0.123456789, "grad_norm": 1.23456789,
    "learning_rate": 1.23456789e-3, "kl_weight": 0.123456789,
}  # fmt: skip


def beating(trainer: Trainer) -> float:
    """Processor time of the heart in one second of a training that always has news for it."""
    ends, began = time.monotonic() + BEATING_S, time.process_time()
    while time.monotonic() < ends:
        trainer.writer.update(step=trainer.tracker.step)
        time.sleep(0.5)
    return (time.process_time() - began) / BEATING_S


@click.command()
@click.option("--rounds", default=5, show_default=True)
def command(rounds: int) -> None:
    """Compare telling of a step with making it."""
    with tempfile.TemporaryDirectory() as place, training("demo", Path(place) / "run") as trainer:
        for _ in range(5):
            train_step(trainer)
        variants = {
            "step": lambda: cpu_s(lambda: train_step(trainer), STEPS),
            "telling of it": lambda: cpu_s(lambda: trainer.reporter.step(trainer.tracker.step, VALUES, 0.025), REPORTS),
            "heart, a second": lambda: beating(trainer),
        }
        found = alternate(variants, rounds)
    telling = median(found, "telling of it") / median(found, "step")
    show("telemetry", telling + median(found, "heart, a second"), found, telling=round(telling, 5))
