"""Checkpoints and snapshots from strangers: refused with a sentence, and nothing they ask for happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import RunDirectoryError
from engine.loop.checkpoint import WeightAverage, load, load_newest, restore, serialise, training_state
from engine.loop.snapshot import find, load_snapshot
from engine.loop.tracker import TrackerState
from engine.loop.vetting import SuspiciousError, vet
from engine.rundir.layout import Layout
from engine.tasks.vae.prior import load_prior
from tests.reliability import hostile
from tests.reliability.hostile import CHECKPOINTS, SNAPSHOTS, place

SEEN = ("bytearray bomb", "deflate bomb", "stride bomb", "storage lie", "memo bomb", "lying directory", "not a zip",
        "two archives", "behind its end")  # fmt: skip
ROOM = 256 << 20  # bytes a refusal may take, beside what the test process has already


@contextmanager
def little_memory() -> Iterator[None]:
    """Within this, asking for more than 256 MB raises MemoryError: no bomb may go off."""
    if sys.platform != "linux":
        yield
        return
    import resource

    import psutil

    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_a_hostile_checkpoint_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    path = place(tmp_path / "step-00000001.pt", CHECKPOINTS[name]())
    sentence = r"^step-00000001\.pt (is|was) .+\. (Use another|Update)"
    with little_memory(), pytest.raises(RunDirectoryError, match=sentence) as caught:
        load(path)
    if name in SEEN:  # and not survived
        assert isinstance(caught.value.__cause__, SuspiciousError)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("build", [hostile.code, hostile.code_without_archive])
def test_code_in_a_checkpoint_does_not_run(build: Any, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    path = place(tmp_path / "step-00000001.pt", build(mark))
    with pytest.raises(RunDirectoryError, match="no checkpoint of this program"):
        load(path)
    assert not mark.exists()


def test_a_hostile_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    place(layout.checkpoint(1), hostile.checkpoint(), 1)
    place(layout.checkpoint(2), hostile.stride_bomb(), 2)
    found, complaints = load_newest(layout)
    assert found is not None and found.step == 1
    assert complaints == [
        "step-00000002.pt is no checkpoint of this program: one of its tensors is larger than what is stored of it. "
        "Use another one."
    ]


def test_what_this_program_writes_passes() -> None:
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Linear(3, 4)).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters())
    for weight in model.parameters():
        weight.grad = torch.ones_like(weight)
    optimizer.step()
    values = {
        "half": torch.ones(2, 3).half(),
        "empty": torch.empty(0),
        "whole": torch.arange(3),
        "one": torch.tensor(3),
    }
    state = training_state(model, optimizer, WeightAverage(model), TrackerState(sums={"a": 1.0}), values)
    vet(serialise(state))


def _trained(width: int = 4) -> tuple[nn.Module, torch.optim.Optimizer, WeightAverage, dict[str, Any]]:
    model = nn.Linear(3, width)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    average = WeightAverage(model)
    state = training_state(model, optimizer, average, TrackerState(step=1), {})
    return model, optimizer, average, state


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("model"),
        lambda state: state.update(model=_trained(5)[3]["model"]),
        lambda state: state.update(average=[]),
        lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(7)),
        lambda state: state["optimizer"].update(param_groups=[]),
        lambda state: state["optimizer"].update(state=None),
        lambda state: state.update(tracker=[1, 2]),
        lambda state: state["tracker"].update(step="many"),
        lambda state: state["tracker"].update(sums={"loss": "low"}),
    ],
)
def test_a_state_of_wrong_shapes_or_kinds_is_refused_before_a_step_is_made(spoil: Any) -> None:
    model, optimizer, average, state = _trained()
    assert asdict(restore(state, model, optimizer, average))["step"] == 1
    spoil(state)
    with pytest.raises(RunDirectoryError, match="does not fit this run's model"):
        restore(state, model, optimizer, average)


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_hostile_snapshot_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    path = place(Layout(tmp_path).snapshot(1, 1), SNAPSHOTS[name]())
    with little_memory(), pytest.raises(RunDirectoryError, match="is no snapshot of this program") as caught:
        load_snapshot(path)
    assert not isinstance(caught.value.__cause__, MemoryError)


def test_a_file_that_is_one_hole_is_not_read(tmp_path: Path) -> None:
    path = place(tmp_path / "step-00000001.pt", b"")
    os.truncate(path, 1 << 42)
    with little_memory(), pytest.raises(RunDirectoryError, match="damaged or incomplete"):
        load(path)


def test_a_checkpoint_without_weights_is_not_used(tmp_path: Path) -> None:
    place(Layout(tmp_path).best, hostile.checkpoint(average=None))
    with pytest.raises(RunDirectoryError, match=r"best\.pt holds no weights to use"):
        find(Layout(tmp_path), None)


@pytest.mark.parametrize(
    "state",
    [
        {"kind": "one-shots", "mean": torch.zeros(8), "factor": torch.zeros(8, 8), "frames": 1 << 40},
        {"kind": "one-shots", "mean": torch.zeros(8), "factor": torch.zeros(8, 7), "frames": 2},
        {"kind": "one-shots", "mean": torch.zeros(8), "factor": torch.zeros(8, 8), "frames": 0},
        {"kind": "textures", "transition": torch.zeros(4, 4), "factor": torch.zeros(4, 4), "means": torch.zeros(2, 4)},
        {"kind": "textures", "transition": torch.zeros(8, 4), "factor": torch.zeros(4, 4), "means": torch.zeros(2, 5)},
        {"kind": "poetry"},
    ],
)
def test_a_prior_whose_shapes_contradict_is_refused(state: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="prior"):
        load_prior(state)
