"""Checkpoints and snapshots from strangers: refused with a sentence, and nothing they ask for happens."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from engine.errors import RunDirectoryError
from engine.loop.checkpoint import WeightAverage, load, load_newest, restore, training_state
from engine.loop.snapshot import find, load_snapshot
from engine.loop.state_file import UnreadableError, serialise
from engine.loop.tracker import TrackerState
from engine.rundir.layout import Layout
from engine.tasks.vae.prior import load_prior
from tests.reliability import hostile
from tests.reliability.hostile import CHECKPOINTS, FILES, SNAPSHOTS, place

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
    path = place(Layout(tmp_path).checkpoint(1), CHECKPOINTS[name]())
    sentence = r"^step-00000001\.safetensors (is|was) .+\. (Use another one|Use the version|Update)"
    with little_memory(), pytest.raises(RunDirectoryError, match=sentence) as caught:
        load(path)
    assert isinstance(caught.value.__cause__, UnreadableError) or name not in FILES
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("build", [hostile.pickled, hostile.pickled_by_torch, hostile.pickled_behind_a_length])
def test_a_pickle_in_the_place_of_a_checkpoint_is_refused_unread(build: Any, tmp_path: Path) -> None:
    mark = tmp_path / "it-ran"
    path = place(Layout(tmp_path).checkpoint(1), build(mark))
    with pytest.raises(RunDirectoryError, match="no checkpoint of this program"):
        load(path)
    assert not mark.exists()


def test_those_pickles_are_not_harmless(tmp_path: Path) -> None:
    marks = tmp_path / "one", tmp_path / "two"
    pickle.loads(hostile.pickled(marks[0]))
    torch.load(io.BytesIO(hostile.pickled_by_torch(marks[1])), weights_only=False)
    assert all(mark.exists() for mark in marks)


def test_a_hostile_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    place(layout.checkpoint(1), hostile.checkpoint(), 1)
    place(layout.checkpoint(2), CHECKPOINTS["a shape larger than its bytes"](), 2)
    found, complaints = load_newest(layout)
    assert found is not None and found.step == 1
    assert complaints == [
        "step-00000002.safetensors is no checkpoint of this program: its header makes no sense. Use another one."
    ]


Parts = tuple[nn.Module, torch.optim.Optimizer, WeightAverage]


def _trained(width: int = 4) -> tuple[Parts, dict[str, Any]]:
    """A model after one update, and its state."""
    model = nn.Linear(3, width)
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    parts = model, optimizer, WeightAverage(model)
    _update(parts)
    return parts, training_state(*parts, TrackerState(step=1, sums={"loss": 1.5}), {"level": 0.5, "names": ["a"]})


def _update(parts: Parts) -> None:
    model, optimizer, average = parts
    optimizer.zero_grad()
    model(torch.ones(3)).sum().backward()
    optimizer.step()
    average.update(1)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: state.pop("model"),
        lambda state: state.update(model=_trained(5)[1]["model"]),
        lambda state: state["model"].update(more=torch.zeros(1)),
        lambda state: state["model"].pop("bias"),
        lambda state: state["model"].update(bias=state["model"]["bias"].double()),
        lambda state: state["model"].update(bias=0.5),
        lambda state: state.update(average=[]),
        lambda state: state.update(average=_trained(5)[1]["average"]),
        lambda state: state.update(best={}),
        lambda state: state.update(best=None),
        lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(7)),
        lambda state: state["optimizer"]["state"][0].update(exp_avg=torch.zeros(4, 3).half()),
        lambda state: state["optimizer"]["state"][0].update(step=torch.zeros(4, 3)),
        lambda state: state["optimizer"]["state"][0].pop("exp_avg_sq"),
        lambda state: state["optimizer"]["state"].update({7: state["optimizer"]["state"][0]}),
        lambda state: state["optimizer"].update(param_groups=[]),
        lambda state: state["optimizer"]["param_groups"][0].update(betas=(0.9,)),
        lambda state: state["optimizer"]["param_groups"][0].update(eps="small"),
        lambda state: state["optimizer"]["param_groups"][0].update(weight_decay=10**400),
        lambda state: state["optimizer"].update(state=None),
        lambda state: state.update(tracker=[1, 2]),
        lambda state: state["tracker"].update(step="many"),
        lambda state: state["tracker"].update(sums={"loss": "low"}),
    ],
)
def test_a_state_of_wrong_shapes_or_kinds_is_refused_before_anything_is_changed(spoil: Any) -> None:
    parts, state = _trained()
    assert restore(state, *parts).step == 1
    spoil(state)
    _update(parts)
    before = serialise(training_state(*parts, TrackerState(), {}))
    with pytest.raises(RunDirectoryError, match="does not fit this run's model"):
        restore(state, *parts)
    assert serialise(training_state(*parts, TrackerState(), {})) == before


SCRAP: list[Any] = [
    None, True, -1, 2, 1 << 59, 1 << 70, 10**400, 0.5, 1e308, "", "x", [], [[]], {}, {"x": 1}, {"tuple": []},
    {"tuple": [1, 2]}, {"float": "NaN"}, {"float": "Infinity"}, {"dict": [[0, 1]]}, {"tensor": "model.weight"},
    {"tensor": "nowhere"},
]  # fmt: skip


def _with_a_bit_turned(data: bytes, draw: random.Random) -> bytes:
    """Two in three of them in the header."""
    changed, header = bytearray(data), 8 + int.from_bytes(data[:8], "little")
    changed[draw.randrange(header if draw.random() < 0.7 else len(data))] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _with_a_value_replaced(data: bytes, draw: random.Random) -> bytes:
    """Somewhere in the state, or in what the header says of a tensor."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    state = json.loads(header["__metadata__"]["state"])
    _replace(state if draw.random() < 0.8 else header, draw)
    header["__metadata__"] = {"state": json.dumps(state, separators=(",", ":"))}
    return hostile.safetensors(json.dumps(header).encode(), body=data[8 + length :])


def _replace(value: Any, draw: random.Random) -> None:
    """One place of a tree gets a value that does not belong there."""
    key = draw.choice(list(value) if isinstance(value, dict) else range(len(value)))
    if isinstance(value[key], dict | list) and value[key] and draw.random() < 0.8:
        _replace(value[key], draw)
    else:
        value[key] = draw.choice(SCRAP)


@pytest.mark.parametrize("spoil", [_with_a_bit_turned, _with_a_value_replaced])
def test_a_thousand_checkpoints_with_something_turned_are_refused_or_taken_as_they_are(
    spoil: Any, tmp_path: Path, one_in: Callable[[int], int]
) -> None:
    """With manifests that vouch for them, so that it is the format alone that must hold."""
    parts, state = _trained()
    data = serialise(state)
    draw = random.Random(f"{spoil.__name__}")
    refused, count = 0, 1000 // one_in(5)
    for _ in range(count):
        spoilt = spoil(data, draw)
        path = place(Layout(tmp_path).checkpoint(1), spoilt)
        try:
            found = load(path)
            if spoil is _with_a_bit_turned:
                assert serialise(found) == spoilt, "it says something, and another thing was understood"
            restore(found, *parts)
            _update(parts)
        except RunDirectoryError as error:
            refused += 1
            assert "\n" not in str(error) and len(str(error)) < 500
    assert count / 2 < refused < count


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_a_hostile_snapshot_is_refused_in_a_sentence(name: str, tmp_path: Path) -> None:
    path = place(Layout(tmp_path).snapshot(1, 1), SNAPSHOTS[name]())
    with little_memory(), pytest.raises(RunDirectoryError, match="is no snapshot of this program") as caught:
        load_snapshot(path)
    assert not isinstance(caught.value.__cause__, MemoryError)


def test_a_file_that_is_one_hole_is_not_read(tmp_path: Path) -> None:
    path = place(Layout(tmp_path).checkpoint(1), b"")
    os.truncate(path, 1 << 42)
    with little_memory(), pytest.raises(RunDirectoryError, match="damaged or incomplete"):
        load(path)


def test_a_checkpoint_without_weights_is_not_used(tmp_path: Path) -> None:
    place(Layout(tmp_path).best, hostile.checkpoint(average=None))
    with pytest.raises(RunDirectoryError, match=r"best\.safetensors holds no weights to use"):
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
