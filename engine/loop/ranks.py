"""One update shared by several processes: each learns from its part of the batch, the first one moves the weights.

The first process (rank 0) is the trainer and decides everything. Before each update it sends the others its weights and
knobs; each gives back the gradient of its own items. So a process has nothing to remember, weights cannot part, and
what moves, is checked, kept or told is what one process alone would do.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch

from engine.errors import DataError
from engine.loop.state_file import parse, serialise
from engine.task import Batch, Task
from engine.whole_batch import shared


class Group(Protocol):
    """The processes as they talk: each call is made by all of them in the same order; ``ProcessLostError`` when one
    is gone."""

    rank: int
    size: int

    def say(self, message: bytes) -> None:
        """From rank 0, to those that :meth:`hear`; they may be waiting for hours."""

    def hear(self) -> bytes:
        """What rank 0 says next."""

    def meet(self) -> None:
        """Wait until all are here, for hours if need be."""

    def copy(self, tensor: torch.Tensor) -> None:
        """What rank 0 has in it, to all."""

    def add(self, tensor: torch.Tensor) -> None:
        """The sum over all, to all."""

    def collect(self, tensor: torch.Tensor) -> None:
        """The sum over all, to rank 0."""


class Ranks:
    """One process, which has the whole batch."""

    size = 1

    def descend(self, task: Task, step: int, knobs: Mapping[str, float]) -> dict[str, torch.Tensor]:
        """Forward and backward of update ``step``: its metrics; the gradients are in the weights of ``task.model``."""
        return _descend(task, task.batch(task.config.seed, step), knobs)

    def take_over(self, task: Task) -> None:
        """From now on all compute with what belongs to the weights of ``task``."""

    def dismiss(self) -> None:
        """The others may leave. ``ProcessLostError`` when one has left already."""


ONE = Ranks()


class SharedRanks(Ranks):
    """Rank 0 of several processes, and what the others do when it asks."""

    def __init__(self, group: Group) -> None:
        self.group, self.size = group, group.size
        self._listening = True  # the others: to what comes next, and not in the midst of something

    def recruit(self, task: Task, job: Mapping[str, Any]) -> None:
        """Have the others open the same; ``job`` tells them how. Returns when they have."""
        self._ask("open", job=job, facts=_facts(task))
        self.group.meet()

    def descend(self, task: Task, step: int, knobs: Mapping[str, float]) -> dict[str, torch.Tensor]:
        self._ask("update", step=step, knobs=dict(knobs))
        self._listening = False
        metrics = self._update(task, step, knobs)
        self._listening = True
        return metrics

    def take_over(self, task: Task) -> None:
        self._ask("state")
        self.group.say(serialise(task.state_dict()))

    def dismiss(self) -> None:
        if self._listening:
            self._listening = False
            self._ask("end")
            self.group.meet()  # an answer: whoever is gone cannot give it

    def follow(self, opened: Callable[[Mapping[str, Any]], Task]) -> None:
        """Do as rank 0 asks, until it dismisses this process. opened: gives the task of a job."""
        task: Task | None = None
        while (asked := json.loads(self.group.hear()))["do"] != "end":
            if asked["do"] == "open":
                task = opened(asked["job"])
                _check_same(_facts(task), asked["facts"], self.group.rank)
                self.group.meet()
                continue
            assert task is not None, "it was asked to open one first"
            if asked["do"] == "state":
                task.load_state_dict(parse(self.group.hear()))
            else:
                task.model.train()
                self._update(task, asked["step"], asked["knobs"])
                task.model.zero_grad(set_to_none=True)
        self.group.meet()

    def _ask(self, what: str, **more: Any) -> None:
        self.group.say(json.dumps({"do": what, **more}).encode())

    def _update(self, task: Task, step: int, knobs: Mapping[str, float]) -> dict[str, torch.Tensor]:
        """Weights from rank 0, gradients and metrics of the whole batch to it."""
        weights = list(task.model.parameters())
        self._copy(weights)
        batch = task.batch(task.config.seed, step)
        own = part_of(batch, self.group.rank, self.size)
        weight = items_in(own) / items_in(batch)
        with shared(lambda mean: self._mean(mean, weight)):
            metrics = _descend(task, own, knobs)
        gradients = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
        used = gradients[0].new_tensor([one.grad is not None for one in weights])
        found = _flat([*gradients, used, torch.stack([value.detach().float() for value in metrics.values()])]) * weight
        self.group.collect(found)
        return self._spread(found, weights, metrics)

    def _copy(self, weights: list[torch.nn.Parameter]) -> None:
        sent = _flat(weights)
        self.group.copy(sent)
        if self.group.rank:
            with torch.no_grad():
                for weight, value in zip(weights, torch.split(sent, [one.numel() for one in weights]), strict=True):
                    weight.copy_(value.view_as(weight))

    def _mean(self, mean: torch.Tensor, weight: float) -> torch.Tensor:
        whole = mean.detach() * weight
        self.group.add(whole)
        return whole

    def _spread(
        self, found: torch.Tensor, weights: list[torch.nn.Parameter], metrics: Mapping[str, torch.Tensor]
    ) -> dict[str, torch.Tensor]:
        """``found`` back into the gradients, those of weights that took no part anywhere left out, and into metrics."""
        *gradients, used, values = torch.split(found, [*(one.numel() for one in weights), len(weights), len(metrics)])
        for weight, gradient, share in zip(weights, gradients, used.tolist(), strict=True):
            if share and weight.grad is None:
                weight.grad = torch.empty_like(weight)  # in the order of the weight: a fused optimiser reads both alike
            if weight.grad is not None:
                weight.grad.copy_(gradient.view_as(weight))
        return dict(zip(metrics, values.unbind(), strict=True))


def _facts(task: Task) -> dict[str, Any]:
    """What must be equal in processes that share a batch; how many threads each has is its own affair."""
    config = task.config.model_dump(mode="json", exclude={"threads", "device"})
    return {"fingerprint": task.fingerprint, "num_train": task.num_train, "config": config}


def _check_same(own: Mapping[str, Any], first: Mapping[str, Any], rank: int) -> None:
    if own != first:
        what = "settings" if own["fingerprint"] == first["fingerprint"] else "data"
        raise DataError(
            f"Process {rank} finds other {what} than the first one.",
            "All processes must see the same files and run the same version.",
        )


def _descend(task: Task, batch: Batch, knobs: Mapping[str, float]) -> dict[str, torch.Tensor]:
    output = task.training_step(task.model, batch, knobs)
    output.loss.backward()  # type: ignore[no-untyped-call]
    return {"train_loss": output.loss, **output.metrics}


def _flat(tensors: Any) -> torch.Tensor:
    return torch.cat([tensor.detach().reshape(-1) for tensor in tensors])


def items_in(batch: Batch) -> int:
    """How many items the tensors of ``batch`` hold, each along its first axis; 0 where they do not agree."""
    counts = {len(tensor) if tensor.dim() else 0 for tensor in batch.values()}
    return counts.pop() if len(counts) == 1 else 0


def part_of(batch: Batch, rank: int, size: int) -> dict[str, torch.Tensor]:
    """The items of ``rank``, neighbours; parts differ by one item at most and make up the whole ``batch``."""
    count = items_in(batch)
    first, end = count * rank // size, count * (rank + 1) // size
    return {name: tensor[first:end] for name, tensor in batch.items()}
