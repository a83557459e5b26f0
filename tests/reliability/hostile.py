"""Files that a stranger might put into a run directory: each builder gives what stands under a harmless name."""

from __future__ import annotations

import hashlib
import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.rundir.layout import manifest
from engine.rundir.schema import PROTOCOL

Reduced = tuple[Callable[..., Any], tuple[Any, ...]]


class Calls:
    """A value whose unpickling calls a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Reduced:
        return self.reduced


def saved(state: Any) -> bytes:
    out = io.BytesIO()
    torch.save(state, out)
    return out.getvalue()


def checkpoint(**changes: Any) -> bytes:
    return saved({"protocol": PROTOCOL, "model": {}, "average": {}, "task": {}} | changes)


def rezipped(data: bytes, change: Callable[[str, bytes], bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A torch archive with members changed by ``change(name, content)``."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
        for info in old.infolist():
            new.writestr(info.filename, change(info.filename, old.read(info)))
    return out.getvalue()


def with_pickle(pickled: bytes) -> bytes:
    return rezipped(checkpoint(), lambda name, old: pickled if name.endswith("/data.pkl") else old)


def code(mark: Path) -> bytes:
    """Makes the file ``mark`` when it is unpickled."""
    return checkpoint(task=Calls(open, str(mark), "w"))


def code_without_archive(mark: Path) -> bytes:
    """The same in torch's format of before 2020, a bare pickle."""
    return pickle.dumps({"protocol": PROTOCOL, "task": Calls(open, str(mark), "w")}, protocol=2)


def bytearray_bomb() -> bytes:
    return checkpoint(task=Calls(bytearray, 1 << 36))


def deflate_bomb() -> bytes:
    """Half a gigabyte of zeros in half a megabyte."""
    data = checkpoint(task={"ceiling": torch.zeros(4)})
    return rezipped(data, lambda name, old: bytes(1 << 29) if "/data/" in name else old, zipfile.ZIP_DEFLATED)


def stride_bomb() -> bytes:
    return checkpoint(task={"ceiling": torch.zeros(1).expand(1 << 20, 1 << 20)})


def storage_lie() -> bytes:
    """A tensor of 64 numbers over a member of 4 bytes: what is read beyond them is this process's memory."""
    data = checkpoint(task={"ceiling": torch.zeros(64)})
    return rezipped(data, lambda name, old: old[:4] if "/data/" in name else old)


def memo_bomb() -> bytes:
    return with_pickle(b"\x80\x02}r\xff\xff\xff\x7f.")


def quine_members() -> bytes:
    """A member whose directory entry claims a terabyte."""
    data = bytearray(checkpoint(task={"ceiling": torch.zeros(4)}))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 28] = struct.pack("<II", 0xFFFF_FFF0, 0xFFFF_FFF0)
    return bytes(data)


def endless_list() -> bytes:
    """A list that holds itself."""
    loop: list[Any] = []
    loop.append(loop)
    return checkpoint(task=loop)


CHECKPOINTS: dict[str, Callable[[], bytes]] = {
    "bytearray bomb": bytearray_bomb,
    "deflate bomb": deflate_bomb,
    "stride bomb": stride_bomb,
    "storage lie": storage_lie,
    "memo bomb": memo_bomb,
    "lying directory": quine_members,
    "no protocol": lambda: saved({"model": {}}),
    "protocol in words": lambda: checkpoint(protocol="one"),
    "newer protocol": lambda: checkpoint(protocol=PROTOCOL + 1),
    "a list": lambda: saved([1, 2, 3]),
    "a tensor": lambda: saved(torch.zeros(3)),
    "not a zip": lambda: b"\x80\x02}q\x00.",
    "noise": lambda: bytes(range(256)) * 40,
    "empty": lambda: b"",
    "a zip of nothing": lambda: rezipped(checkpoint(), lambda name, old: b""),
    "unpickles nonsense": lambda: with_pickle(b"\x80\x02(((((((tR."),
}


def safetensors(header: bytes, length: int | None = None, body: bytes = b"\0" * 64) -> bytes:
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def _named(tensor: dict[str, Any], task: str = "{}", **meta: str) -> bytes:
    whole = {"__metadata__": {"protocol": "1", "task": task} | meta, "model.w": tensor}
    return safetensors(json.dumps(whole).encode())


GOOD = {"dtype": "F32", "shape": [16], "data_offsets": [0, 64]}
SNAPSHOTS: dict[str, Callable[[], bytes]] = {
    "a header of 2^60 bytes": lambda: safetensors(b"{}", 1 << 60),
    "a header longer than the file": lambda: safetensors(b"{}", 10_000),
    "no header": lambda: b"\0" * 8,
    "no metadata": lambda: safetensors(json.dumps({"model.w": GOOD}).encode()),
    "offsets beyond the file": lambda: _named({**GOOD, "shape": [1 << 40], "data_offsets": [0, 1 << 42]}),
    "offsets that go back": lambda: _named({**GOOD, "data_offsets": [64, 0]}),
    "a shape that overflows": lambda: _named({**GOOD, "shape": [1 << 33, 1 << 33]}),
    "a shape larger than its bytes": lambda: _named({**GOOD, "shape": [17]}),
    "an unknown type": lambda: _named({**GOOD, "dtype": "F7"}),
    "state that is no JSON": lambda: _named(GOOD, task="{"),
    "state nested without end": lambda: _named(GOOD, task='{"a":' * 100_000),
    "state that names no tensor": lambda: _named(GOOD, task='{"ceiling": {"tensor": "nowhere"}}'),
    "state that names a list": lambda: _named(GOOD, task='{"ceiling": {"tensor": []}}'),
    "empty": lambda: b"",
}


def place(path: Path, data: bytes, step: int = 1) -> Path:
    """Write ``data`` with a manifest that vouches for it: whoever makes a checkpoint makes that as well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    told = {"file": path.name, "step": step, "epoch": 1, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest(path).write_text(json.dumps(told))
    return path
