"""The thread that keeps a run's directory alive while its trainer computes: commands, heartbeat, memory."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from engine.rundir.schema import Memory

POLL_S = 0.25
BUSY_BEAT_S = 0.5  # status at most twice a second while something changes …
QUIET_BEAT_S = 1.0  # … and at least once a second, so that a viewer far away sees it move
MEMORY_S = 5.0

DeviceMemory = Callable[[], tuple[int, int] | None]


@dataclass
class Heart:
    """Calls ``poll`` every quarter second, ``publish`` and ``measure`` when they are due, until stopped.

    A thread, so that a long decode or validation is no death; a daemon, so that it never keeps a process alive.
    """

    poll: Callable[[], None]
    publish: Callable[[], None]
    measure: Callable[[], None]
    dirty: Callable[[], bool]
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Return when the last beat is over."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        beat_at = measured_at = float("-inf")
        while True:
            self.poll()
            now = time.monotonic()
            if now - measured_at >= MEMORY_S:
                self.measure()
                measured_at = now
            if now - beat_at >= (BUSY_BEAT_S if self.dirty() else QUIET_BEAT_S):
                self.publish()
                beat_at = now
            if self._stop.wait(POLL_S):
                return


def measure_memory(device_memory: DeviceMemory | None) -> Memory:
    """What is in use now. The process counts with its children (the decoder); pages they share count twice.

    device_memory: gives (used, total) bytes of the accelerator, or None where there is none.
    """
    process = psutil.Process()
    family = [process, *process.children(recursive=True)]
    system = psutil.virtual_memory()
    used, total = _device_bytes(device_memory)
    return Memory(
        process_bytes=sum(map(_resident_bytes, family)),
        system_used_bytes=system.total - system.available,
        system_total_bytes=system.total,
        device_used_bytes=used,
        device_total_bytes=total,
    )


def _device_bytes(device_memory: DeviceMemory | None) -> tuple[int, int] | tuple[None, None]:
    """A device that fails is the trainer's to report: the thread that listens for its user must outlive it."""
    try:
        return (device_memory() if device_memory else None) or (None, None)
    except RuntimeError:
        return None, None


def _resident_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it ended meanwhile
        return 0
