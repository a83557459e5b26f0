"""Signals as flags: a handler only sets one, the loop looks at it after each step."""

from __future__ import annotations

import os
import signal
from types import FrameType

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class SignalFlag:
    """Which signal asked the process to end, if one did. A second Ctrl-C leaves at once."""

    def __init__(self) -> None:
        self.received: int | None = None

    def install(self) -> None:
        for number in SIGNALS:
            signal.signal(number, self._handle)

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
