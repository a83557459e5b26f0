"""What ``tests.bench.ddp`` starts twice: updates of the sound task, alone and shared by turns; JSON from the first."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping

import psutil

from engine.config import TrainingConfig
from engine.device import choose
from engine.loop.ranks import ONE, Ranks
from engine.loop.update import backward, new_optimizer
from engine.process.torchrun import joined
from engine.registry import find_source
from engine.task import OpenContext, Task
from engine.tasks import task_config, task_opener
from tests.bench.ratios import alternate

WARM = 3


def opened(job: Mapping[str, int]) -> Task:
    """The demo's sounds, on one thread."""
    resolved = find_source("demo", set())
    training = TrainingConfig(threads=1, device="cpu", max_steps=1000, batch_size=job["batch_size"])
    config = task_config("vae")(channels=job["channels"])
    task: Task = task_opener("vae")(resolved.source, training, config, choose("cpu", 1).torch, OpenContext())
    return task


class Updates:
    """Whole updates, optimiser's step included."""

    def __init__(self, task: Task) -> None:
        self.task, self.optimizer = task, new_optimizer(task)
        self.knobs = task.schedule(1, 0.5)
        self.made = 0

    def make(self, ranks: Ranks) -> None:
        self.made += 1
        backward(self.task, self.optimizer, self.made, self.knobs, ranks)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)


def other() -> psutil.Process:
    """The process that torchrun started beside this one."""
    beside = psutil.Process(os.getppid()).children()
    return next(one for one in beside if one.pid != os.getpid() and __spec__.name in " ".join(one.cmdline()))


def measured(updates: Updates, ranks: Ranks, steps: int, beside: psutil.Process) -> Callable[[], dict[str, float]]:
    """Seconds an update: of the clock, and of processor time in the process that needs the most."""

    def processor() -> tuple[float, float]:
        used = beside.cpu_times()
        return time.process_time(), used.user + used.system

    def measure() -> dict[str, float]:
        before, began = processor(), time.monotonic()
        for _ in range(steps):
            updates.make(ranks)
        clock = time.monotonic() - began
        busy = max(after - first for after, first in zip(processor(), before, strict=True))
        return {"clock": clock / steps, "processor": busy / steps}

    return measure


def main(channels: int, batch_size: int, steps: int, rounds: int) -> None:
    with joined() as ranks:
        assert ranks is not None
        if ranks.group.rank:
            return ranks.follow(opened)
        job = {"channels": channels, "batch_size": batch_size}
        task = opened(job)
        ranks.recruit(task, job)
        updates = Updates(task)
        for _ in range(WARM):
            updates.make(ONE)
            updates.make(ranks)
        beside = other()
        found = alternate(
            {name: measured(updates, how, steps, beside) for name, how in (("alone", ONE), ("shared", ranks))}, rounds
        )
        print(json.dumps(found | {"weights": sum(one.numel() for one in task.model.parameters())}))
    return None


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
