"""Signals as flags: a handler only sets one, the loop looks at it after each step."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType
from typing import Any

_NAMES = ("SIGTERM", "SIGINT", "SIGHUP", "SIGUSR1", "SIGBREAK")
_HANGUP = getattr(signal, "SIGHUP", None)
HELD_OFF_S = 1.0  # two presses within it are one wish: the second must not cost the checkpoint of the first
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))


class SignalFlag:
    """Which signal asked the process to end, if one did. A second Ctrl-C leaves at once, a second or more later."""

    def __init__(self) -> None:
        self.received: int | None = None
        self._before: dict[int, Any] = {}
        self._received_at = 0.0

    def install(self) -> None:
        """``ValueError`` outside of the main thread: only that one may take signals."""
        for number in SIGNALS:
            if number == _HANGUP and signal.getsignal(number) is signal.SIG_IGN:
                continue  # ``nohup`` had it ignored, for a run that outlives its terminal
            self._before[number] = signal.signal(number, self._handle)

    def restore(self) -> None:
        """Put the earlier handlers back, for a process that goes on after its run."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def ignore(self) -> None:
        """For a process whose run is over: a signal while Python shuts down would end it with another exit code."""
        for number in self._before:
            signal.signal(number, signal.SIG_IGN)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.received == signal.SIGINT:
            if time.monotonic() - self._received_at >= HELD_OFF_S:
                os._exit(self.exit_code)
            return
        self.received, self._received_at = number, time.monotonic()

    @property
    def name(self) -> str:
        return "" if self.received is None else signal.Signals(self.received).name

    @property
    def exit_code(self) -> int:
        """128 + n: 130 for Ctrl-C, 143 for SIGTERM, 129 for SIGHUP, 138 for SIGUSR1."""
        return 0 if self.received is None else 128 + self.received
