"""A state and its file: everything comes back as it was, and the same state is the same bytes."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from engine.loop.state_file import UnreadableError, parse, serialise
from tests.conftest import ROOT

WEIGHT = torch.arange(24.0).reshape(2, 3, 2, 2)
PLAIN: list[Any] = [
    None, True, False, 0, 1, -1, 1 << 200, 1.0, 0.1, -0.0, 5e-324, 1.7976931348623157e308, math.nan,
    math.inf, -math.inf, "", "größe 音 🎸",
    "caf\udce9.wav", '"\\\n\0', [], (), {}, [1, [2.0, (True, None)]], (1, (2,), [3.0]),
    {"a": {"b": {}}}, {0: {"x": 1}, 1: {}}, {"0": 1}, {0: "int", "0": "text"}, {"tensor": "x"}, {"tuple": [1]},
    {"float": "NaN"}, {"dict": [[1, 2]]}, {"dict": 1, "tuple": 2}, {"": {"": 0}},
]  # fmt: skip
TENSORS: dict[str, torch.Tensor] = {
    "rows": WEIGHT,
    "channels last": WEIGHT.to(memory_format=torch.channels_last),
    "transposed": WEIGHT[0, 0].T,
    "a view": WEIGHT[:, 1, ::2],
    "one number many times": torch.ones(1).expand(3, 4),
    "one number": torch.tensor(2.5),
    "none": torch.empty(0),
    "none of a shape": torch.empty(3, 0, 2),
    "with gradient": nn.Parameter(torch.ones(2)),
    "no numbers": torch.tensor([math.nan, math.inf, -0.0]),
    "double": torch.tensor([0.1, 5e-324], dtype=torch.float64),
    "half": torch.ones(3).half(),
    "brain": torch.tensor([1 / 3]).bfloat16(),
    "long": torch.tensor([-(2**63), 2**63 - 1]),
    "byte": torch.tensor([0, 255], dtype=torch.uint8),
    "short": torch.tensor([-3], dtype=torch.int16),
    "truth": torch.tensor([[True], [False]]),
    "complex": torch.tensor([1 + 2j]),
}


def same(a: Any, b: Any) -> bool:
    """Of one type and equal to the bit, in one order."""
    if isinstance(a, torch.Tensor):
        return bool(a.dtype == b.dtype and a.shape == b.shape and bits(a) == bits(b))
    if isinstance(a, dict):
        return isinstance(b, dict) and same(list(a.items()), list(b.items()))
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and repr(a) == repr(b)  # of floats too: -0.0 is not 0.0, and NaN is NaN


def bits(tensor: torch.Tensor) -> bytes:
    flat = tensor.detach().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_a_plain_value_comes_back_as_it_was(value: Any) -> None:
    found = parse(serialise({"task": value, "more": [value]}))
    assert same(found, {"task": value, "more": [value]})


@pytest.mark.parametrize("name", TENSORS)
def test_a_tensor_comes_back_as_it_was(name: str) -> None:
    tensor = TENSORS[name]
    found = parse(serialise({"a": {0: tensor}, "b": (tensor, 1)}))  # and twice: what is shared is no obstacle
    assert same(found, {"a": {0: tensor}, "b": (tensor, 1)})
    assert found["a"][0].is_contiguous()
    found["a"][0].zero_()
    assert same(found["b"][0], tensor), "one is not the other"


def test_names_that_meet_stay_apart() -> None:
    ones, zeros = torch.ones(1), torch.zeros(1)
    state = {"a": {"b": ones, "b.c": zeros}, "a.b": zeros, "a.b_": ones, "__metadata__": ones, "caf\udce9": zeros}
    assert same(parse(serialise(state)), state)


def test_tensors_lie_under_their_places() -> None:
    data = serialise({"model": nn.Linear(2, 3).state_dict(), "optimizer": {"state": {0: {"exp_avg": torch.ones(1)}}}})
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header.keys() == {"__metadata__", "model.weight", "model.bias", "optimizer.state.0.exp_avg"}
    assert header["model.weight"]["shape"] == [3, 2]


def digests() -> set[str]:
    state = {"task": {str(n): torch.full((n,), n) for n in range(9)}, "a": 1.5, "b": {"x": torch.ones(2).half()}}
    return {hashlib.sha256(serialise(state)).hexdigest() for _ in range(20)}


@pytest.mark.slow
def test_the_same_state_gives_the_same_bytes() -> None:
    """Twenty times here, and twenty times in a process that hashes in another order."""
    program = "from tests.loop.test_state_file import digests; print(*digests())"
    there = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(digests()) == 1 and there.stdout.split() == [*digests()]
    state = {"tensors": dict(TENSORS), "plain": PLAIN}
    assert serialise(parse(serialise(state))) == serialise(state)


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 1j, object(), {None: 1}, {1.0: 1}, {True: 1}, {1 << 61: 1}])
def test_what_has_no_place_in_a_file_is_refused_before_it_is_written(value: Any) -> None:
    with pytest.raises(TypeError):
        serialise({"task": {"x": value}})


def test_a_state_that_nobody_could_read_back_is_not_written() -> None:
    with pytest.raises(UnreadableError, match="more values than any state"):
        serialise({"task": [0] * 1_000_001})
