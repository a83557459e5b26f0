"""``python -m tests.process.shared_lines``: which of several tasks can be shared, as JSON from the first process."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import torch
from torch import nn

from engine.config import TrainingConfig
from engine.errors import ConfigError, ProcessLostError
from engine.loop.ranks import SharedRanks
from engine.loop.rehearsal import rehearse
from engine.process.torchrun import joined
from engine.task import StepOutput
from engine.whole_batch import over_batch
from tests.branch import Branch
from tests.toy import Line


class Sum(Line):
    """Its loss grows with the batch: a part of it gives another gradient."""

    def training_step(self, model, batch, knobs):  # type: ignore[no-untyped-def]
        return StepOutput((model(batch["x"]) - batch["y"]).square().sum(), {})


class Norm(Line):
    """Each item is seen in the light of its neighbours."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__(config)
        self.model = nn.Sequential(nn.Linear(1, 8), nn.BatchNorm1d(8), nn.Linear(8, 1))


class Log(Line):
    """Its loss is no mean over items, but a function of one."""

    mean = staticmethod(over_batch)

    def training_step(self, model, batch, knobs):  # type: ignore[no-untyped-def]
        return StepOutput(self.mean((model(batch["x"]) - batch["y"]).square().mean()).log(), {})


class OwnLog(Log):
    """The same, of its own part."""

    mean = staticmethod(lambda mean: mean)


class Uneven(Line):
    """A tensor that does not hold items."""

    def batch(self, seed, step):  # type: ignore[no-untyped-def]
        return super().batch(seed, step) | {"rate": torch.ones(3)}


class Other(Line):
    """Not the same everywhere."""

    fingerprint = f"line {os.environ['RANK']}"


KINDS = {kind.__name__: kind for kind in (Line, Sum, Norm, Log, OwnLog, Uneven, Branch, Other)}


def opened(job: Mapping[str, str]) -> Line:
    batch = int(job["batch"])
    return KINDS[job["kind"]](TrainingConfig(seed=1, max_steps=10, batch_size=batch))


def answer(ranks: SharedRanks, kind: str, batch: int) -> str:
    job = {"kind": kind, "batch": str(batch)}
    task = opened(job)
    try:
        ranks.recruit(task, job)
        return f"{rehearse(task, ranks).processes} processes"
    except (ConfigError, ProcessLostError) as error:
        return error.cause


def main() -> None:
    torch.set_num_threads(1)
    with joined() as ranks:
        assert ranks is not None
        if ranks.group.rank:
            return ranks.follow(opened)
        few = answer(ranks, "Line", 1)
        print(json.dumps({kind: answer(ranks, kind, 7) for kind in KINDS} | {"few": few}))
    return None


main()
