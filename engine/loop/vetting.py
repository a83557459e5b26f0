"""A checkpoint from a stranger, looked over before torch reads it.

``weights_only`` keeps a pickle from running code. It does not keep it from asking for memory: a compressed archive that
unfolds to a thousand times its size, a ``bytearray`` of a terabyte, a view of one number with strides of 0 that counts
as a billion. Nor does it hold the size that a storage claims against the bytes that are there, and then reads beyond
them. What ``torch.save`` writes here needs none of this: stored members, plain values, dense tensors.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

_ITEM_BYTES = {
    "DoubleStorage": 8, "FloatStorage": 4, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8, "IntStorage": 4,
    "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1, "ComplexFloatStorage": 8,
}  # fmt: skip
_MARK, _END, _END_BYTES = b"PK\x03\x04", b"PK\x05\x06", 22
_MOST_MEMBERS = 100_000
# What any reading of bytes that were made to do harm may end in.
DAMAGE = (
    pickle.UnpicklingError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, ValueError, LookupError,
    TypeError, AttributeError, AssertionError, OverflowError, MemoryError,
)  # fmt: skip


class SuspiciousError(ValueError):
    """A checkpoint that no ``torch.save`` of this program wrote; says what is wrong with it."""


def vet(data: bytes) -> None:
    """Raise SuspiciousError, or another of :data:`DAMAGE`, unless ``data`` is what torch may read."""
    # Begun and ended where every reader looks first, or torch might find another directory of members than this one.
    if data[:4] != _MARK or data[-_END_BYTES:][:4] != _END:
        raise SuspiciousError("it is no archive of torch")
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        _vet_members(members, len(data))
        sizes = {member.filename.partition("/")[2]: member.file_size for member in members}
        if "data.pkl" not in sizes:
            raise SuspiciousError("it is no archive of torch")
        pickled = archive.read(next(member for member in members if member.filename.endswith("/data.pkl")))
    _vet_memo(pickled)
    _Inventory(pickled, sizes).load()


def _vet_members(members: list[zipfile.ZipInfo], size: int) -> None:
    names = {member.filename for member in members}
    if len(names) != len(members) or len(members) > _MOST_MEMBERS:
        raise SuspiciousError("its members are too many or bear one name twice")
    if len({name.partition("/")[0] for name in names}) != 1:
        raise SuspiciousError("its members lie in more than one folder")
    if any(member.compress_type != zipfile.ZIP_STORED or member.flag_bits & 1 for member in members):
        raise SuspiciousError("its members are compressed or encrypted, so that it may unfold to any size")
    if min(member.header_offset for member in members) != 0:
        raise SuspiciousError("something stands before its members")
    if sum(member.file_size for member in members) > size:
        raise SuspiciousError("its members claim more bytes than there are")


def _vet_memo(pickled: bytes) -> None:
    """A place in the memo far beyond the pickle's length would make room for all places before it."""
    for code, argument, _ in pickletools.genops(pickled):
        if code.name in ("PUT", "LONG_BINPUT") and argument is not None and argument > len(pickled):
            raise SuspiciousError("its pickle asks for memory that it does not use")


class _Inventory(pickle.Unpickler):
    """Goes through a pickle as torch will, with counts in place of storages and nothing in place of tensors."""

    def __init__(self, pickled: bytes, sizes: Mapping[str, int]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._sizes = sizes

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Callable[..., Any]] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
        }
        if module == "torch" and name in _ITEM_BYTES:
            return name
        if (module, name) not in known:
            raise SuspiciousError(f"its pickle calls {module}.{name}"[:200])
        return known[module, name]

    def persistent_load(self, saved: Any) -> int:
        """The number of items in a storage, held against the bytes that are there."""
        word, kind, key, _, count = saved
        if word != "storage" or not isinstance(count, int) or not 0 <= count <= 1 << 48:
            raise SuspiciousError("one of its storages is none")
        if count * _ITEM_BYTES[kind] != self._sizes.get(f"data/{key}", 0):
            raise SuspiciousError("one of its storages claims another size than it has")
        return count


def _tensor(count: int, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> None:
    numbers = (count, offset, *size, *stride)
    if not all(isinstance(number, int) and number >= 0 for number in numbers) or len(size) != len(stride):
        raise SuspiciousError("one of its tensors has no shape")
    if 0 in size:
        return
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if last >= count or math.prod(size) > count:
        raise SuspiciousError("one of its tensors is larger than what is stored of it")
