"""Files that a stranger might put into a run directory: each builder gives what stands under a harmless name."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.loop.state_file import MOST_HEADER_BYTES, MOST_VALUES, serialise
from engine.rundir.encoding import seal
from engine.rundir.layout import manifest
from engine.rundir.protocol import PROTOCOL


class Calls:
    """A value whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self.reduced


def pickled(mark: Path) -> bytes:
    """Makes the file ``mark`` when it is unpickled."""
    return pickle.dumps({"protocol": PROTOCOL, "task": Calls(open, str(mark), "w")}, protocol=2)


def pickled_by_torch(mark: Path) -> bytes:
    """The same in the archive that torch makes."""
    out = io.BytesIO()
    torch.save({"protocol": PROTOCOL, "task": Calls(open, str(mark), "w")}, out)
    return out.getvalue()


def pickled_behind_a_length(mark: Path) -> bytes:
    """The same where a header belongs."""
    return safetensors(pickled(mark))


def checkpoint(**changes: Any) -> bytes:
    return serialise({"protocol": PROTOCOL, "model": {}, "average": {}, "task": {}} | changes)


def safetensors(header: bytes, length: int | None = None, body: bytes = b"\0" * 64) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


GOOD = {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}
NAMED = f'{{"protocol":{PROTOCOL},"model":{{"w":{{"tensor":"model.w"}}}},"task":{{}}}}'


def holding(tensor: dict[str, Any], state: Any = NAMED, body: bytes = b"\0" * 64, **more: Any) -> bytes:
    """A file whose header says what it is told to of ``model.w``; ``more`` tensors beside it."""
    whole = {"__metadata__": {"state": state}, "model.w": tensor} | more
    return safetensors(json.dumps(whole).encode(), body=body)


def saying(task: str) -> bytes:
    """A file of one tensor, as it should be, whose state says ``task`` of its task, letter by letter."""
    return holding(GOOD, NAMED.replace('"task":{}', f'"task":{task}'))


def twice(text: str, again: str) -> bytes:
    """A header with something in it twice."""
    header = json.dumps({"__metadata__": {"state": NAMED}, "model.w": GOOD})
    assert text in header
    return safetensors(header.replace(text, again).encode())


def of_tensors(count: int) -> bytes:
    """A header of so many tensors without numbers; nothing names them."""
    rows = ",".join(f'"{number:x}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for number in range(count))
    return safetensors(b'{"__metadata__":{"state":"{}"},' + rows.encode() + b"}", body=b"")


def overlapping() -> bytes:
    """Two tensors over the same numbers."""
    state = NAMED.replace("}},", '},"v":{"tensor":"model.v"}},')
    return holding(GOOD, state, **{"model.v": GOOD})


def with_a_hole() -> bytes:
    """Bytes between two tensors that belong to none."""
    state = NAMED.replace("}},", '},"v":{"tensor":"model.v"}},')
    beyond = {**GOOD, "data_offsets": [128, 192]}
    return holding(GOOD, state, bytes(192), **{"model.v": beyond})


MODULUS = (1 << 61) - 1  # of Python's hash of integers
FILES: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "seven bytes": lambda: b"\0" * 7,
    "no header": lambda: b"\0" * 8,
    "noise": lambda: bytes(range(256)) * 40,
    "a header of 2^60 bytes": lambda: safetensors(b"{}", 1 << 60),
    "a header of 2^64 - 1 bytes": lambda: safetensors(b"{}", (1 << 64) - 1),
    "a header longer than the file": lambda: safetensors(b"{}", 10_000),
    "a header of spaces": lambda: safetensors(b" " * (MOST_HEADER_BYTES + 8)),
    "a header in UTF-16": lambda: safetensors(json.dumps({"__metadata__": {"state": "{}"}}).encode("utf-16-le")),
    "a header in no encoding": lambda: safetensors(b'{"\xff\xfe":1}'),
    "a header that is a list": lambda: safetensors(b"[]", body=b""),
    "a header nested without end": lambda: safetensors(b'{"a":' * 100_000),
    "no metadata": lambda: safetensors(json.dumps({"model.w": GOOD}).encode()),
    "metadata that is a list": lambda: safetensors(b'{"__metadata__":[]}', body=b""),
    "metadata without a state": lambda: safetensors(b'{"__metadata__":{"protocol":"1"}}', body=b""),
    "a million tensors": lambda: of_tensors(1_000_000),
    "tensors that overlap": overlapping,
    "a hole between tensors": with_a_hole,
    "bytes behind the last tensor": lambda: serialise({"protocol": PROTOCOL}) + bytes(30),
    "one file behind another": lambda: checkpoint() + checkpoint(),
    "a tensor twice": lambda: twice('"model.w": {', f'"model.w": {json.dumps(GOOD)}, "model.w": {{'),
    "metadata twice": lambda: twice('{"__metadata__"', '{"__metadata__": {"state": "{}"}, "__metadata__"'),
    "offsets beyond the file": lambda: holding({**GOOD, "shape": [1 << 40], "data_offsets": [0, 1 << 42]}),
    "offsets that go back": lambda: holding({**GOOD, "data_offsets": [64, 0]}),
    "offsets below zero": lambda: holding({**GOOD, "data_offsets": [-64, 0]}),
    "offsets in words": lambda: holding({**GOOD, "data_offsets": ["0", "64"]}),
    "a shape that overflows": lambda: holding({**GOOD, "shape": [1 << 33, 1 << 33]}),
    "a shape larger than its bytes": lambda: holding({**GOOD, "shape": [1 << 20, 1 << 20]}),
    "a shape one larger than its bytes": lambda: holding({**GOOD, "shape": [17]}),
    "a shape beyond all numbers": lambda: holding({**GOOD, "shape": [1 << 70]}),
    "nothing, and much of it": lambda: holding({**GOOD, "shape": [0, 1 << 63], "data_offsets": [0, 0]}, body=b""),
    "an unknown type": lambda: holding({**GOOD, "dtype": "F7"}),
    "a type torch has not": lambda: holding({"dtype": "F4", "shape": [128], "data_offsets": [0, 64]}),
    "a state that is a number": lambda: holding(GOOD, 5),
    "a state that is no JSON": lambda: holding(GOOD, "{"),
    "a state nested without end": lambda: saying('{"a":' * 100_000),
    "lists nested without end": lambda: saying("[" * 100_000 + "]" * 100_000),
    "ten million lists": lambda: saying("[" + "[]," * 10_000_000 + "0]"),
    "a name twice": lambda: saying('{"a":1,"a":2}'),
    "a key twice": lambda: saying('{"dict":[[1,2],[1,3]]}'),
    "keys of one hash": lambda: saying(f'{{"dict":[{",".join(f"[{n * MODULUS},0]" for n in range(100_000))}]}}'),
    "keys that are lists": lambda: saying('{"dict":[[[],0]]}'),
    "NaN": lambda: saying('{"a":NaN}'),
    "infinity": lambda: saying("[-Infinity]"),
    "a number beyond all": lambda: saying("[1e999]"),
    "a number of many digits": lambda: saying("[" + "9" * 100_000 + "]"),
    "a number spelled otherwise": lambda: saying("[1.50]"),
    "an unknown float": lambda: saying('{"float":"many"}'),
    "a tuple of letters": lambda: saying('{"tuple":"abc"}'),
    "white space": lambda: saying("[1, 2]"),
    "a tensor that is nowhere": lambda: saying('{"ceiling":{"tensor":"nowhere"}}'),
    "a tensor named by a list": lambda: saying('{"ceiling":{"tensor":[]}}'),
    "a tensor in two places": lambda: saying('{"ceiling":{"tensor":"model.w"}}'),
    "a tensor in no place": lambda: holding(GOOD, "{}"),
    "a tensor elsewhere": lambda: holding(GOOD, '{"average":{"tensor":"model.w"}}'),
}
CHECKPOINTS: dict[str, Callable[[], bytes]] = FILES | {
    "as many tensors as a header may hold": lambda: of_tensors(MOST_VALUES // 7 - 9),
    "as many lists as a header may hold": lambda: saying('{"a":[%s0],"a":0}' % ("[]," * (MOST_VALUES // 2 - 99))),
    "no protocol": lambda: serialise({"model": {}}),
    "protocol in words": lambda: checkpoint(protocol="one"),
    "newer protocol": lambda: checkpoint(protocol=PROTOCOL + 1),
    "older protocol": lambda: checkpoint(protocol=PROTOCOL - 1),
    "a list": lambda: safetensors(b'{"__metadata__":{"state":"[1,2,3]"}}', body=b""),
    "a tensor": lambda: holding(GOOD, '{"tensor":"model.w"}'),
}
SNAPSHOTS: dict[str, Callable[[], bytes]] = FILES | {
    "a checkpoint": lambda: checkpoint(),
    "weights that are a list": lambda: serialise({"protocol": PROTOCOL, "model": [], "task": {}}),
    "weights that are numbers": lambda: serialise({"protocol": PROTOCOL, "model": {"w": 1.0}, "task": {}}),
}


def place(path: Path, data: bytes, step: int = 1) -> Path:
    """Write ``data`` with a manifest that vouches for it: whoever makes a checkpoint makes that as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # what replaces a file is flushed at once, and thousands come here
    path.write_bytes(data)
    told = {"file": path.name, "step": step, "epoch": 1, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest(path).write_bytes(seal(told))
    return path
