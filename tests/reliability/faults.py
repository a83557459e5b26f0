"""A shim under every file operation that changes a run directory: it numbers them, records them, and strikes at one.

Operations are ``open`` (to write), ``write``, ``fsync``, ``replace``, ``unlink``, ``mkdir`` and ``truncate`` below one
root. A :class:`Strike` says what happens at which of them. The record can be played back into an empty directory; that
the result is the directory itself proves that nothing was written past the shim.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

KILLED = 137
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


@dataclass(frozen=True)
class Operation:
    """One change. ``name`` is relative to the root; ``detail`` is what it needs to be done again."""

    kind: str
    name: str
    detail: Any = None


class Strike:
    """What happens at an operation: nothing, unless a subclass says so."""

    def before(self, number: int, operation: Operation) -> int | None:
        """Called before each; may end the process or raise. A number lets a write through for so many bytes only."""
        return None

    def after(self, number: int, operation: Operation) -> None:
        """Called when it is done, also for the part of a write that was let through."""


@dataclass
class Death(Strike):
    """The process ends before operation ``number`` (from 0), or half way through it, which only a write has."""

    number: int
    half: bool = False

    def before(self, number: int, operation: Operation) -> int | None:
        if number != self.number:
            return None
        if not self.half:
            os._exit(KILLED)
        return len(operation.detail) // 2

    def after(self, number: int, operation: Operation) -> None:
        if number == self.number:
            os._exit(KILLED)


@dataclass
class Refusal(Strike):
    """The system refuses operations from ``first`` to before ``last`` with an error, those that ``hits`` picks.

    Only what takes room or writes is refused for want of room: ``unlink`` works on a full disk.
    """

    number: int
    first: int
    last: int
    hits: Callable[[Operation], bool] = lambda operation: True
    struck: list[Operation] = field(default_factory=list)

    def before(self, number: int, operation: Operation) -> int | None:
        if not self.first <= number < self.last or not self.hits(operation):
            return None
        if self.number == errno.ENOSPC and operation.kind in ("unlink", "truncate", "replace"):
            return None
        self.struck.append(operation)
        raise OSError(self.number, os.strerror(self.number))


@dataclass
class Shim:
    """The operations below ``root`` while it is installed; ``past`` are files opened for writing behind its back."""

    root: Path
    strike: Strike = field(default_factory=Strike)
    operations: list[Operation] = field(default_factory=list)
    past: list[str] = field(default_factory=list)
    _open: dict[int, str] = field(default_factory=dict)
    _inside: bool = False
    _active: bool = False

    @contextmanager
    def installed(self) -> Iterator[Shim]:
        """Put the shim under ``os`` for as long as the block lasts."""
        replaced = {
            "open": self._do_open,
            "close": self._do_close,
            "write": self._do_write,
            "fsync": self._on_descriptor("fsync", os.fsync),
            "ftruncate": self._on_descriptor("truncate", os.ftruncate),
            "replace": self._on_paths("replace", os.replace),
            "rename": self._on_paths("replace", os.rename),
            "unlink": self._on_paths("unlink", os.unlink),
            "remove": self._on_paths("unlink", os.remove),
            "mkdir": self._do_mkdir,
        }
        self._real = {name: getattr(os, name) for name in replaced}
        sys.addaudithook(self._watch)
        self._active = True
        try:
            for name, function in replaced.items():
                setattr(os, name, function)
            yield self
        finally:
            self._active = False
            for name, function in self._real.items():
                setattr(os, name, function)

    def _watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Python tells of every file it opens, however: one opened to write that did not come through here is past."""
        if not self._active or event != "open" or self._inside:
            return
        if isinstance(arguments[0], str | bytes | os.PathLike):
            name = self._name(arguments[0])
            if name is not None and arguments[2] & _WRITING:
                self.past.append(name)

    def _name(self, path: Any) -> str | None:
        """``path`` relative to the root, None when it lies elsewhere."""
        text = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - a path may be bytes
        inside = text == str(self.root) or text.startswith(f"{self.root}{os.sep}")
        return os.path.relpath(text, self.root) if inside else None

    def _perform(self, operation: Operation, act: Callable[[], Any]) -> Any:
        number = len(self.operations)
        self.operations.append(operation)
        self.strike.before(number, operation)
        self._inside = True
        try:
            result = act()
        finally:
            self._inside = False
        self.strike.after(number, operation)
        return result

    def _do_open(self, path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
        name = self._name(path) if not isinstance(path, int) else None
        if name is None:
            return self._real["open"](path, flags, mode, **more)
        if not flags & _WRITING:
            descriptor = self._real["open"](path, flags, mode, **more)
        else:
            operation = Operation("open", name, bool(flags & os.O_TRUNC))
            descriptor = self._perform(operation, lambda: self._real["open"](path, flags, mode, **more))
        self._open[descriptor] = name
        return descriptor

    def _do_close(self, descriptor: int) -> None:
        self._open.pop(descriptor, None)
        self._real["close"](descriptor)

    def _do_write(self, descriptor: int, data: Any) -> int:
        name = self._open.get(descriptor)
        if name is None:
            return self._real["write"](descriptor, data)
        number, operation = len(self.operations), Operation("write", name, bytes(data))
        self.operations.append(operation)
        part = self.strike.before(number, operation)
        written = self._real["write"](descriptor, data if part is None else operation.detail[:part])
        self.strike.after(number, operation)
        return written

    def _on_descriptor(self, kind: str, real: Callable[..., None]) -> Callable[..., None]:
        def act(descriptor: int, *more: int) -> None:
            name = self._open.get(descriptor)
            if name is None:
                return real(descriptor, *more)
            return self._perform(Operation(kind, name, *more), lambda: real(descriptor, *more))

        return act

    def _on_paths(self, kind: str, real: Callable[..., None]) -> Callable[..., None]:
        def act(path: Any, *more: Any, **options: Any) -> None:
            name = self._name(path)
            if name is None:
                return real(path, *more, **options)
            target = self._name(more[0]) if more else None
            return self._perform(Operation(kind, name, target), lambda: real(path, *more, **options))

        return act

    def _do_mkdir(self, path: Any, mode: int = 0o777, **more: Any) -> None:
        name = self._name(path)
        if name is None or Path(path).is_dir():  # mkdir(exist_ok=True) asks by trying
            return self._real["mkdir"](path, mode, **more)
        return self._perform(Operation("mkdir", name), lambda: self._real["mkdir"](path, mode, **more))
