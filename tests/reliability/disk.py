"""A disk in memory, on which recorded operations are done again: all of them, or what a power cut leaves of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.reliability.faults import Operation


@dataclass
class _File:
    data: bytearray = field(default_factory=bytearray)
    flushed: bytes = b""


@dataclass
class Disk:
    """Files by name. ``durable`` are the names that were on the medium when their directory was last flushed."""

    files: dict[str, _File] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    durable: dict[str, _File] = field(default_factory=dict)

    @classmethod
    def after(cls, operations: list[Operation]) -> Disk:
        disk = cls()
        for operation in operations:
            disk.do(operation)
        return disk

    @classmethod
    def holding(cls, contents: Mapping[str, bytes]) -> Disk:
        """One on which these files were before, flushed."""
        disk = cls({name: _File(bytearray(data), data) for name, data in contents.items()})
        disk.durable = dict(disk.files)
        return disk

    def do(self, operation: Operation) -> None:
        name, detail = operation.name, operation.detail
        match operation.kind:
            case "mkdir":
                self.folders.add(name)
            case "open":
                file = self.files.setdefault(name, _File())
                if detail:
                    file.data.clear()
            case "write":
                self.files[name].data += detail  # the engine appends, or writes a new file from its start
            case "truncate":
                del self.files[name].data[detail:]
            case "replace":
                self.files[detail] = self.files.pop(name)
            case "unlink":
                del self.files[name]
            case "fsync":
                self._flush(name)

    def _flush(self, name: str) -> None:
        if name in self.files:
            self.files[name].flushed = bytes(self.files[name].data)
            self.durable.setdefault(name, self.files[name])  # a new file that is flushed keeps its name
            return
        here = {path for path in self.files | self.durable if str(Path(path).parent) == name}
        for path in here:
            self.durable.pop(path, None)
            if path in self.files:
                self.durable[path] = self.files[path]

    def contents(self) -> dict[str, bytes]:
        """What the system shows while the power is on."""
        return {name: bytes(file.data) for name, file in self.files.items()}

    def names_kept(self) -> dict[str, bytes]:
        """After a power cut that kept every name and lost all bytes that were not flushed."""
        return {name: file.flushed for name, file in self.files.items()}

    def names_lost(self) -> dict[str, bytes]:
        """After a power cut that lost every change of names since their directory was flushed, and those bytes."""
        return {name: file.flushed for name, file in self.durable.items()}

    def write(self, root: Path, contents: Mapping[str, bytes]) -> None:
        """Lay ``contents`` out as a directory."""
        for name in sorted(self.folders):
            (root / name).mkdir(parents=True, exist_ok=True)
        for name, data in contents.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
