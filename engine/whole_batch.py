"""Means over the items of an update, also where several processes share them and each has some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch

Reduce = Callable[[torch.Tensor], torch.Tensor]
_reduce: ContextVar[Reduce | None] = ContextVar("reduce", default=None)


def over_batch(mean: torch.Tensor) -> torch.Tensor:
    """The mean over the whole batch, of a ``mean`` over the items at hand, each counting the same.

    Needed where a loss is no plain mean over items but a function of such means: a variance, a bound on a mean. Where
    nothing is shared, all items are at hand, and this is ``mean`` itself.
    """
    reduce = _reduce.get()
    return mean if reduce is None else _StraightThrough.apply(mean, reduce)  # type: ignore[no-untyped-call]


@contextmanager
def shared(reduce: Reduce) -> Iterator[None]:
    """Within it the items at hand are a part of a batch; ``reduce`` makes means over the whole batch of those over the
    parts, and hands out the same to each process."""
    token = _reduce.set(reduce)
    try:
        yield
    finally:
        _reduce.reset(token)


class _StraightThrough(torch.autograd.Function):
    """The whole batch's mean forward, the gradient of this part's mean back.

    What a process gets is then d loss / d (its own mean); weighted by its part of the items and added up over the
    processes, that is the gradient of the whole batch, for a plain mean over items as well.
    """

    @staticmethod
    def forward(ctx: Any, mean: torch.Tensor, reduce: Reduce) -> torch.Tensor:
        return reduce(mean)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad, None
