"""A conversation with a child process in JSON lines: objects go to its stdin, objects come from its stdout."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
from collections.abc import Mapping
from typing import Any


class Channel:
    """The parent's end. Answers are read by a thread as they come, so that the child never waits to be heard."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        """``process`` was started with pipes for stdin and stdout; who started it also ends it."""
        self.process = process
        self._answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, daemon=True, name="answers").start()

    def send(self, message: Mapping[str, Any]) -> None:
        """Hand over one object. A child that is gone is noticed by :meth:`receive`: its last words may tell why."""
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def receive(self, timeout_s: float) -> dict[str, Any] | None:
        """The next object, None once when the child is gone; ``TimeoutError`` when none came in time."""
        try:
            return self._answers.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError from None

    def _listen(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):  # ValueError: the stream was closed under its reader
            for line in self.process.stdout:
                self._take(line)
        self._answers.put(None)
        self.process.wait()  # nobody may ask it again: until somebody has waited, the system keeps it as a zombie

    def _take(self, line: bytes) -> None:
        """Pass on a line that is an answer. A library may print between them, and a killed child leaves half of one."""
        with contextlib.suppress(ValueError):
            answer = json.loads(line)
            if isinstance(answer, dict):
                self._answers.put(answer)
