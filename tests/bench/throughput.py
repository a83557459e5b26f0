"""``python -m tests.bench throughput``: how much of a step is learning.

ratio: the pure step of the optimiser on a batch at hand, against the step of whole epochs with all that belongs to it:
choosing and cutting the batch, the spectrograms it is cut from, its variation, the checks at the ends of epochs, what
is told.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import click
import torch

from engine.audio import augment
from engine.loop.trainer import Trainer
from engine.loop.update import backward
from engine.task import Batch, StepOutput
from engine.tasks.vae.loader import TrainingLoader
from tests.bench.ratios import alternate, cpu_s, median, show
from tests.bench.training import train_step, training

WARM = 5


class Pure:
    """The step on one batch whose spectrogram stands ready: forward, backward, clip, optimiser."""

    def __init__(self, trainer: Trainer) -> None:
        self.task, self.trainer = trainer.task, trainer
        self.knobs = trainer.task.schedule(1, 0.5)
        self.drawn = trainer.task.loader.batch(0, 1)
        self.at_hand = trainer.task.batch(0, 1)

    @torch.no_grad()
    def vary(self) -> torch.Tensor:
        scale, config = self.task.codec.scale, self.task.transform.config
        varied = augment.apply(self.drawn["clean"], self.drawn, self.drawn["noise"], scale.ref, config)
        return scale.standardise(varied)[:, None].contiguous(memory_format=torch.channels_last)

    def batch(self, seed: int, step: int) -> Batch:
        return self.at_hand

    def training_step(self, model: torch.nn.Module, batch: Batch, knobs: dict[str, float]) -> StepOutput:
        return self.task.training_step(model, batch, knobs)

    @property
    def model(self) -> torch.nn.Module:
        return self.task.model

    @property
    def config(self) -> object:
        return self.task.config

    def step(self) -> None:
        backward(self, self.trainer.optimizer, 1, self.knobs)
        self.trainer.optimizer.step()
        self.trainer.optimizer.zero_grad(set_to_none=True)


def variants(trainer: Trainer, steps: int) -> dict[str, Callable[[], float]]:
    task, pure = trainer.task, Pure(trainer)
    shape = task.loader.latent_shape
    # Of its own, as it keeps the spectrograms of its own updates.
    loader = TrainingLoader(task.train, task.transform, task.loader.batches, task.config, task.task_config, shape)
    draws = iter(range(1, 1 << 30))
    for _ in range(WARM):
        pure.step()
        train_step(trainer)
    return {
        "whole step": lambda: cpu_s(lambda: train_step(trainer), steps),
        "pure step": lambda: cpu_s(pure.step, steps),
        "of it drawing": lambda: cpu_s(lambda: loader.batch(0, next(draws)), steps),
        "of it variation": lambda: cpu_s(pure.vary, steps),
    }


@click.command()
@click.option("--source", default="demo", show_default=True, help="Folder of sounds, or the name of a data set.")
@click.option("--epochs", default=1, show_default=True, help="Of each variant in a round, by their updates.")
@click.option("--rounds", default=5, show_default=True)
def command(source: str, epochs: int, rounds: int) -> None:
    """Compare whole epochs with the pure step of the same model."""
    with tempfile.TemporaryDirectory() as place, training(source, Path(place) / "run") as trainer:
        found = alternate(variants(trainer, epochs * trainer.plans.last.steps_per_epoch), rounds)
    show("throughput", median(found, "pure step") / median(found, "whole step"), found)
