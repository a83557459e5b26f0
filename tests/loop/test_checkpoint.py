"""What a checkpoint brings back: an update after it gives the same bits as one without it."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from engine.loop.checkpoint import WeightAverage, restore, training_state
from engine.loop.state_file import parse, serialise
from engine.loop.tracker import TrackerState

Parts = tuple[nn.Module, torch.optim.Optimizer, WeightAverage]


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)
        self.second.weight = self.first.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(x).tanh())


def convolutions() -> nn.Module:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 4, 1))
    return model.to(memory_format=torch.channels_last)


MODELS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "channels last": (convolutions, (2, 3, 6, 6)),
    "tied": (Tied, (5, 4)),
    "brain floats": (lambda: nn.Linear(4, 3).bfloat16(), (2, 4)),
    "a weight of nothing": (lambda: nn.Sequential(nn.Linear(4, 0), nn.Linear(0, 2)), (2, 4)),
}


def parts_of(new: Any, optimizer: type[torch.optim.Adam]) -> Parts:
    torch.manual_seed(3)
    model = new()
    return model, optimizer(model.parameters(), lr=0.1, weight_decay=0.01, fused=True), WeightAverage(model)


def update(parts: Parts, shape: tuple[int, ...], step: int) -> None:
    model, optimizer, average = parts
    optimizer.zero_grad()
    x = torch.randn(shape, generator=torch.Generator().manual_seed(step)).to(next(model.parameters()).dtype)
    model(x).square().sum().backward()
    optimizer.param_groups[0]["lr"] = 0.1 / step
    optimizer.step()
    average.update(step)


@pytest.mark.filterwarnings("ignore:Initializing zero-element tensors")
@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.Adam])
@pytest.mark.parametrize("name", MODELS)
def test_updates_go_on_with_the_same_bits(name: str, optimizer: Any) -> None:
    new, shape = MODELS[name]
    whole = parts_of(new, optimizer)
    for step in (1, 2, 3):
        update(whole, shape, step)
    tracker = TrackerState(step=3, sums={"loss": 1 / 3}, smoothed_reference=0.1, warned=["a"], elapsed_s=1e-9)
    saved = serialise(training_state(*whole, tracker, {}))

    resumed = parts_of(new, optimizer)
    assert restore(parse(saved), *resumed) == tracker
    assert serialise(training_state(*resumed, tracker, {})) == saved
    for step in (4, 5):
        update(whole, shape, step)
        update(resumed, shape, step)
    assert serialise(training_state(*resumed, tracker, {})) == serialise(training_state(*whole, tracker, {}))


def test_a_long_run_over_many_recordings_is_saved_and_comes_back() -> None:
    """Ten thousand epochs of a hundred held-out files, some of which are never judged."""
    new, _ = MODELS["tied"]
    whole, resumed = parts_of(new, torch.optim.AdamW), parts_of(new, torch.optim.AdamW)
    rows = [[1 / (epoch + 1), *([float("nan")] * 3), *(float(file) for file in range(96))] for epoch in range(10_000)]
    tracker = TrackerState(epochs=[*range(10_000)], values=[1.0] * 10_000, files=rows)
    data = serialise(training_state(*whole, tracker, {}))
    back = restore(parse(data), *resumed)
    assert repr(back) == repr(tracker) and len(data) < 9_000_000


def test_the_curves_of_files_as_version_0_1_0_wrote_them_are_read() -> None:
    new, _ = MODELS["tied"]
    parts = parts_of(new, torch.optim.AdamW)
    tracker = TrackerState(epochs=[1, 2], values=[3.0, 2.0], files=[[1.0, 5.0], [1.0, 3.0]])
    state = training_state(*parts, tracker, {})
    state["tracker"]["files"] = tracker.files
    assert restore(parse(serialise(state)), *parts) == tracker


def test_before_the_first_update_there_is_nothing_to_remember() -> None:
    new, shape = MODELS["tied"]
    fresh, resumed = parts_of(new, torch.optim.AdamW), parts_of(new, torch.optim.AdamW)
    update(resumed, shape, 1)
    restore(parse(serialise(training_state(*fresh, TrackerState(), {}))), *resumed)
    assert not resumed[1].state
    assert torch.equal(resumed[0].first.weight, fresh[0].first.weight)  # type: ignore[union-attr]
