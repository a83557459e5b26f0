"""A line whose items do not all use the same weights."""

from __future__ import annotations

import torch
from torch import nn

from engine.config import TrainingConfig
from engine.task import StepOutput
from tests.toy import Line


class Branch(Line):
    """The last item of a batch alone goes the second way, and none the third: several processes meet other weights."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config)
        self.model = nn.ModuleList([self.model, nn.Linear(1, 1), nn.Linear(1, 1)])

    def batch(self, seed, step):  # type: ignore[no-untyped-def]
        return super().batch(seed, step) | {"last": torch.arange(self.size) == self.size - 1}

    def training_step(self, model, batch, knobs):  # type: ignore[no-untyped-def]
        ways = ((model[0], ~batch["last"]), (model[1], batch["last"]))
        off = [(way(batch["x"][own]) - batch["y"][own]).square() for way, own in ways if own.any()]
        return StepOutput(torch.cat(off).mean(), {})
