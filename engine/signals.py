"""Signals as flags: a handler only sets one, the loop looks at it after each step."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import Any

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class SignalFlag:
    """Which signal asked the process to end, if one did. A second Ctrl-C leaves at once."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}

    def install(self) -> None:
        """``ValueError`` outside of the main thread: only that one may take signals."""
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._handle)

    def restore(self) -> None:
        """Give the signals back to whoever had them, for a process that goes on after its run."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def ignore(self) -> None:
        """For a process whose run is over: Python gives handlers back before it is gone, and the exit code is said."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            os._exit(self.exit_code)
        self.received = number

    @property
    def name(self) -> str:
        return "" if self.received is None else signal.Signals(self.received).name

    @property
    def exit_code(self) -> int:
        """128 + n: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 138 for SIGUSR1."""
        return 0 if self.received is None else 128 + self.received
