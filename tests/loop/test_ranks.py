"""Updates in parts, and what the rehearsal of one times, without starting processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
import torch

from engine.config import TrainingConfig
from engine.loop.ranks import ONE, SharedRanks
from engine.loop.rehearsal import rehearse
from engine.task import StepOutput
from tests.branch import Branch
from tests.toy import Line


class Threads:
    """A group of threads: what ``TorchGroup`` is of processes. tensors: of all ranks, as they come to an exchange."""

    def __init__(self, rank: int, tensors: list[Any], barrier: Barrier) -> None:
        self.rank, self.size, self._tensors, self._barrier = rank, len(tensors), tensors, barrier

    def copy(self, tensor: torch.Tensor) -> None:
        tensor.copy_(self._all(tensor)[0])

    def add(self, tensor: torch.Tensor) -> None:
        tensor.copy_(torch.stack(self._all(tensor)).sum(0))

    collect = add

    def say(self, message: bytes) -> None: ...
    def hear(self) -> bytes: ...
    def meet(self) -> None: ...

    def _all(self, tensor: torch.Tensor) -> list[torch.Tensor]:
        self._tensors[self.rank] = tensor.clone()
        self._barrier.wait(120)
        found = list(self._tensors)
        self._barrier.wait(120)
        return found


def settings() -> TrainingConfig:
    return TrainingConfig(seed=1, max_steps=10, batch_size=7)


def shared(kind: type[Line], processes: int) -> Line:
    """The task of the first of so many that have made update 1 together."""
    tasks, barrier, tensors = [kind(settings()) for _ in range(processes)], Barrier(processes), [None] * processes
    ranks = [SharedRanks(Threads(rank, tensors, barrier)) for rank in range(processes)]
    with ThreadPoolExecutor(processes) as pool:
        made = [pool.submit(each._update, task, 1, {}) for each, task in zip(ranks, tasks, strict=True)]
        for one in made:
            one.result()
    return tasks[0]


@pytest.mark.parametrize("processes", [2, 3])
def test_a_weight_that_another_process_alone_used_has_its_gradient_and_one_that_none_used_has_none(
    processes: int,
) -> None:
    alone = Branch(settings())
    ONE.descend(alone, 1, {})
    together = shared(Branch, processes)
    for one, other in zip(alone.model.parameters(), together.model.parameters(), strict=True):
        assert (one.grad is None) == (other.grad is None), "what none used is not decayed either"
        assert one.grad is None or torch.allclose(one.grad, other.grad, atol=1e-6)
    used = [weight.grad is not None for weight in together.model.parameters()]
    assert used == [True] * 6 + [False] * 2


class Late(torch.Tensor):
    """A figure of a device that computes behind one's back: whoever asks for it as a number waits."""

    WAIT_S = 0.02

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.tolist:
            time.sleep(cls.WAIT_S)
        return super().__torch_function__(func, types, args, kwargs or {})


class Elsewhere(Line):
    """Computed on such a device."""

    def training_step(self, model, batch, knobs):
        loss = super().training_step(model, batch, knobs).loss
        return StepOutput(loss, {"late": torch.zeros(()).as_subclass(Late)})


def test_the_rehearsal_waits_for_the_device() -> None:
    found = rehearse(Elsewhere(settings()), ONE)
    assert min(found.alone_s, found.shared_s) >= Late.WAIT_S
