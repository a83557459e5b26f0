"""How often an update waits for the device: counted on the plain path, which is the only one there is."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from engine.config import TrainingConfig
from engine.loop.checkpoint import WeightAverage
from engine.loop.update import backward, new_optimizer
from tests.tasks.vae.test_task import task

# What hands a value to Python or to the processor's memory, or makes a tensor whose shape follows from values.
WAITS = {
    "tolist", "item", "cpu", "numpy", "nonzero", "masked_select", "unique", "equal", "allclose", "__bool__",
    "__float__", "__int__", "__index__", "__contains__", "is_nonzero", "argwhere", "bincount", "repeat_interleave",
}  # fmt: skip


class Waits(TorchFunctionMode):
    """Counts the calls within it that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        one_argument = name == "where" and len(args) == 1  # which is nonzero under another name
        if name in WAITS or one_argument:
            self.found[name] += 1
        return function(*args, **(kwargs or {}))


def test_an_update_waits_for_the_device_once(drums: Path) -> None:
    learned = task(drums, "auto", TrainingConfig(max_steps=40, batch_size=4))
    optimizer, average = new_optimizer(learned), WeightAverage(learned.model)
    drawn = learned.batch(0, 1)  # on the processor, where it is drawn, nothing waits for it
    learned.batch = lambda seed, step: drawn  # type: ignore[method-assign]
    for step in (1, 2):  # the first one sets the optimiser up
        with Waits() as waits:
            backward(learned, optimizer, step, learned.schedule(step, 0.5))
            optimizer.step()
            average.update(step)
            optimizer.zero_grad(set_to_none=True)
    assert waits.found == {"tolist": 1}, "its losses and its gradient's norm, together"


def test_what_would_wait_is_counted() -> None:
    with Waits() as waits:
        one = torch.ones(3)
        assert one.sum() > 2 and float(one[0]) == one[1].item() and len(one.nonzero()) == 3
    assert waits.found == {"__bool__": 1, "__float__": 1, "item": 1, "nonzero": 1}
