"""Several processes that torchrun started, as one training: how they find and hear each other, and what the others do.

``torchrun --nproc-per-node N -m engine.train …`` runs the same command N times. The first of them (rank 0) is the
training; the others take no notice of their arguments, and open and compute what it asks for.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from engine.config import TrainingConfig
from engine.errors import ConfigError, ProcessLostError, lacks_memory
from engine.process.failures import recognise
from engine.process.job import Job
from engine.process.session import Session
from engine.process.signals import SIGNALS
from engine.rundir.record import Side, Source
from engine.tasks import task_config, task_opener
from engine.validation import validated

if TYPE_CHECKING:
    import torch

    from engine.device import Device
    from engine.loop.ranks import Ranks, SharedRanks
    from engine.task import Task

_LAUNCHED = "TORCHELASTIC_RUN_ID"  # the mark of a process that torchrun started
_TOLD = {"WORLD_SIZE", "RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"}  # what it tells each of them
UPDATE_LIMIT = timedelta(minutes=10)  # of one exchange within an update: a process that stands still is as good as gone
WAIT_LIMIT = timedelta(days=30)  # between updates: the first one may be decoding, checking or saving


class TorchGroup:
    """See :class:`engine.loop.ranks.Group`: torch.distributed, over gloo, tensors on CUDA over NCCL."""

    def __init__(self) -> None:
        import torch.distributed as dist

        self._dist = dist
        cuda = dist.is_nccl_available() and _has_cuda()
        dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo", timeout=WAIT_LIMIT)
        self._updates = dist.new_group(timeout=UPDATE_LIMIT)
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        del os.environ[_LAUNCHED]  # what this process starts is none of the group

    def say(self, message: bytes) -> None:
        import torch

        data = torch.frombuffer(bytearray(message), dtype=torch.uint8)
        _do(self._dist.broadcast, torch.tensor([len(data)]), 0)
        _do(self._dist.broadcast, data, 0)

    def hear(self) -> bytes:
        import torch

        length = torch.zeros(1, dtype=torch.int64)
        _do(self._dist.broadcast, length, 0)
        data = torch.empty(int(length), dtype=torch.uint8)
        _do(self._dist.broadcast, data, 0)
        return data.numpy().tobytes()

    def meet(self) -> None:
        import torch

        _do(self._dist.all_reduce, torch.zeros(1))

    def copy(self, tensor: torch.Tensor) -> None:
        _do(self._dist.broadcast, tensor, 0, group=self._updates)

    def add(self, tensor: torch.Tensor) -> None:
        _do(self._dist.all_reduce, tensor, group=self._updates)

    def collect(self, tensor: torch.Tensor) -> None:
        _do(self._dist.reduce, tensor, 0, group=self._updates)

    def leave(self) -> None:
        with suppress(RuntimeError):
            self._dist.destroy_process_group()


def _do(exchange: Callable[..., object], *given: Any, **more: Any) -> None:
    """``exchange`` with the others; ``ProcessLostError`` when one of them closed the connection, or the time is over.

    What else torch finds wrong passes: most of all that its own memory ran out.
    """
    from torch.distributed import DistError

    try:
        exchange(*given, **more)
    except RuntimeError as error:  # gloo's own have no type, and begin with its file: "[…/gloo/transport/tcp/pair.cc…"
        if lacks_memory(error) or not (isinstance(error, DistError) or "gloo/" in str(error)):
            raise
        raise ProcessLostError from error


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@contextmanager
def joined() -> Iterator[SharedRanks | None]:
    """The processes that torchrun started beside this one; None for a process of its own."""
    if _LAUNCHED not in os.environ or os.environ.get("WORLD_SIZE") == "1":
        yield None
        return
    missing = sorted(_TOLD - os.environ.keys())
    if missing:
        raise ConfigError(
            f"{_LAUNCHED} says that torchrun started this process, and {missing[0]} is not set.",
            f"Start it by torchrun, or take {_LAUNCHED} out of the environment.",
        )
    from engine.loop.ranks import SharedRanks

    group = TorchGroup()
    ranks = SharedRanks(group)
    try:
        yield ranks
    finally:
        if group.rank == 0:
            with suppress(ProcessLostError):  # who is gone was told of by whoever missed him
                ranks.dismiss()
        group.leave()


def recruit(ranks: Ranks, job: Job, task: Task, device: Device, session: Session, sides: Mapping[str, Side]) -> None:
    """Have the other processes open the same, and say whether it pays to share."""
    from engine.loop.ranks import SharedRanks
    from engine.loop.rehearsal import rehearse

    if not isinstance(ranks, SharedRanks):
        return
    if device.torch.type not in ("cpu", "cuda"):
        raise ConfigError(
            f"Processes cannot share updates on {device.torch.type}.", "Use --device cpu, or one process."
        )
    ranks.recruit(
        task,
        {
            "source": job.source.model_dump(mode="json"),
            "task": job.task,
            "training": job.training.model_dump(mode="json", exclude_unset=True),
            "task_config": job.task_config.model_dump(mode="json", exclude_unset=True),
            "device": device.torch.type,
            "threads": device.threads,
            "sides": dict(sides),
        },
    )
    session.check()
    found = rehearse(task, ranks)
    session.terminal.shared(found)
    if not found.pays:
        session.writer.warn(str(found), code="short_update")


def follow(ranks: SharedRanks) -> int:
    """What a process other than the first does, until that one has no more use for it; its exit code.

    Signals are the first one's affair: torchrun sends them to all.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    try:
        ranks.follow(_opened)
    except Exception as error:
        known = recognise(error)
        if known is None or known is error:
            raise
        raise known from error
    return 0


def _opened(job: Mapping[str, Any]) -> Task:
    from engine import device as devices
    from engine.task import OpenContext

    own = f":{os.environ['LOCAL_RANK']}" if job["device"] == "cuda" else ""
    device = devices.choose(job["device"] + own, job["threads"])
    training = validated(TrainingConfig, job["training"]).model_copy(update={"threads": device.threads})
    config = validated(task_config(job["task"]), job["task_config"])
    context = OpenContext(sides=job["sides"])
    opened: Task = task_opener(job["task"])(Source(**job["source"]), training, config, device.torch, context)
    return opened
