"""A state as the bytes of a safetensors file, and back: what checkpoints, snapshots and exported weights are.

A state is what ``state_dict`` methods give: tensors and plain values in dictionaries, lists and tuples. Its tensors lie
in the file under their dotted places ("optimizer.state.0.exp_avg"); all else is JSON in the header, each tensor's name
where the tensor was. Nothing in it can run, and nothing is as large as it says it is: only as large as its bytes.

The same state gives the same bytes, and comes back the same: 1, 1.0, True and None, lists and tuples, NaN and the
infinities stay what they are. Only a tensor's strides and what it shares with others are forgotten.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import safetensors
import safetensors.torch
import torch

# A header is JSON, which takes up to thirty times its length in memory. What a long run remembers is a tenth of this.
MOST_HEADER_BYTES = 32 << 20
MOST_VALUES = 1_000_000
_FLOATS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_TAGS = ("tensor", "tuple", "float", "dict")
# What safetensors, JSON and torch raise for a file that is none.
_DAMAGE = (
    safetensors.SafetensorError, ValueError, LookupError, TypeError, RuntimeError, AssertionError, OverflowError,
)  # fmt: skip


class UnreadableError(ValueError):
    """Bytes that :func:`serialise` did not write; says what is wrong with them."""


def serialise(state: Mapping[str, Any]) -> bytes:
    """``state`` as a safetensors file. ``TypeError`` for values other than tensors, numbers, strings and their kin."""
    tensors: dict[str, torch.Tensor] = {}
    text = _to_json(state, tensors)
    # One key of metadata: safetensors writes several in an order of chance.
    data = safetensors.torch.save({name: _dense(tensor) for name, tensor in tensors.items()}, {"state": text})
    _header(data)
    return data


def parse(data: bytes) -> Any:
    """The state that :func:`serialise` made ``data`` of; ``UnreadableError`` for any other bytes."""
    header = _header(data)
    try:
        text = json.loads(header, object_pairs_hook=_unambiguous)["__metadata__"]["state"]
        tensors = safetensors.torch.load(data)
        state = json.loads(text, object_pairs_hook=_reader(tensors))
        named: dict[str, torch.Tensor] = {}
        # The last word on duplicates, numbers in other spellings, tensors under two names: it is as we would write it.
        canonical = _to_json(state, named) == text and named.keys() == tensors.keys()
    except _DAMAGE as error:
        raise UnreadableError("its header makes no sense") from error
    if not canonical:
        raise UnreadableError("its header is not what this program writes")
    return state


def _header(data: bytes) -> str:
    """The header's text, which is of a size that one may parse."""
    length = int.from_bytes(data[:8], "little")
    if not 0 < length <= len(data) - 8:
        raise UnreadableError("it is no safetensors file")
    if length > MOST_HEADER_BYTES:
        raise UnreadableError("its header is larger than that of any state")
    header = data[8 : 8 + length]
    if sum(map(header.count, (b",", b"[", b"{"))) > MOST_VALUES:  # a value is its container's first or behind a comma
        raise UnreadableError("its header holds more values than any state")
    try:
        return header.decode()
    except UnicodeDecodeError as error:
        raise UnreadableError("it is no safetensors file") from error


def _to_json(state: Any, tensors: dict[str, torch.Tensor]) -> str:
    """``state`` as JSON; its tensors go into ``tensors``, by name."""
    return json.dumps(_plain(state, "", tensors), allow_nan=False, separators=(",", ":"))


def _plain(value: Any, path: str, tensors: dict[str, torch.Tensor]) -> Any:
    """``value`` as what JSON has; what it lacks becomes a dictionary of one tag."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return {"float": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, torch.Tensor):
        name = _free_name(path, tensors)
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, list | tuple):
        items = [_plain(item, f"{path}.{index}", tensors) for index, item in enumerate(value)]
        return items if isinstance(value, list) else {"tuple": items}
    if isinstance(value, Mapping):
        return _plain_mapping(value, path, tensors)
    raise TypeError(f"{path} is {type(value).__name__}, which no checkpoint holds")


def _plain_mapping(value: Mapping[Any, Any], path: str, tensors: dict[str, torch.Tensor]) -> dict[str, Any]:
    items = [(key, _plain(item, f"{path}.{key}" if path else str(key), tensors)) for key, item in value.items()]
    if all(isinstance(key, str) for key in value) and not (len(value) == 1 and next(iter(value)) in _TAGS):
        return dict(items)
    return {"dict": [[_key(key), item] for key, item in items]}


def _key(key: Any) -> str | int:
    """``key`` when it is text or a number that an index might be: larger ones can be made to share one hash."""
    if isinstance(key, str) or (type(key) is int and key.bit_length() < 60):
        return key
    raise TypeError(f"{key!r} names something, and is neither text nor a small integer"[:200])


def _free_name(path: str, tensors: Mapping[str, torch.Tensor]) -> str:
    """``path``, which safetensors can write and which is no other tensor's name."""
    name = path.encode(errors="backslashreplace").decode()
    while name in tensors or name == "__metadata__":
        name += "_"
    return name


def _dense(tensor: torch.Tensor) -> torch.Tensor:
    """A copy on the CPU, row by row, that shares nothing."""
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())


def _reader(tensors: Mapping[str, torch.Tensor]) -> Callable[[list[tuple[str, Any]]], Any]:
    """Turns JSON objects back into what :func:`_plain` had before it."""
    tags: dict[str, Callable[[Any], Any]] = {
        "tensor": tensors.__getitem__,
        "tuple": tuple,
        "float": _FLOATS.__getitem__,
        "dict": lambda items: {_key(key): item for key, item in items},
    }

    def read(pairs: list[tuple[str, Any]]) -> Any:
        if len(pairs) == 1 and pairs[0][0] in tags:
            return tags[pairs[0][0]](pairs[0][1])
        return dict(pairs)

    return read


def _unambiguous(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("a name stands in it twice")
    return mapping
