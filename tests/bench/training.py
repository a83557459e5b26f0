"""A training inside this process, up to its first update, for the benches that measure parts of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.device import choose
from engine.loop.trainer import Trainer
from engine.plan import Length
from engine.process.job import Job, plain_job
from engine.registry import find_source
from engine.run_length import MEASURED_STEPS
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from engine.task import OpenContext
from engine.tasks import task_opener
from engine.tasks.vae.task import VAETask


def job_of(source: str, root: Path, max_steps: int | None = MEASURED_STEPS) -> Job:
    """Default settings on one thread of the processor. max_steps: by default those of 25 sounds; None is automatic."""
    resolved = find_source(source, set())
    length = {} if max_steps is None else {"max_steps": max_steps}
    return plain_job(resolved, {"threads": 1, "device": "cpu", **length}, {}, root, "bench")


def task_of(job: Job) -> VAETask:
    task = task_opener(job.task)(job.source, job.training, job.task_config, choose("cpu", 1).torch, OpenContext())
    assert isinstance(task, VAETask)
    return task


@contextmanager
def training(source: str, root: Path, max_steps: int | None = MEASURED_STEPS) -> Iterator[Trainer]:
    """A trainer on the sounds of ``source``, before its first update; ``max_steps`` as for :func:`job_of`."""
    with RunWriter.open(root, device="cpu", threads=1, versions={}) as writer:
        task = task_of(job_of(source, root, max_steps))
        trainer = Trainer(task, Length.of(task.config, task.num_train), writer, lambda: False)
        writer.state(State.RUNNING, phase="train")
        yield trainer
        writer.state(State.CANCELLED)


def train_step(trainer: Trainer) -> None:
    """One update as the loop makes it, and what the end of an epoch adds to it."""
    trainer._step()
    if trainer._ends_epoch():
        trainer._close_epoch()
