"""status.json while its trainer computes: kept in memory, changed at will, published by a thread at every beat."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.protocol import HandledCommand
from engine.rundir.status import Memory, Status

POLL_S = 0.25
BUSY_BEAT_S = 0.5  # status at most twice a second while something changes …
QUIET_BEAT_S = 1.0  # … and at least once a second, so that a viewer far away sees it move
MEMORY_S = 5.0
COMMANDS_KEPT = 50

DeviceMemory = Callable[[], tuple[int, int] | None]


class StatusBoard:
    """The one :class:`Status` of a session. Every method may be called from any thread."""

    def __init__(self, path: Path, first: Status) -> None:
        self._path = path
        self._status = first
        self._changing = threading.Lock()
        self._writing = threading.Lock()  # held outside of _changing: who writes later writes the newer status
        self._dirty = True

    @property
    def status(self) -> Status:
        return self._status

    @property
    def dirty(self) -> bool:
        """Whether something changed since it was last published."""
        return self._dirty

    def update(self, **fields: Any) -> None:
        """Change fields of the status in memory; ``metrics`` is merged. ``TypeError`` for a name it does not have."""
        unknown = fields.keys() - Status.model_fields.keys()
        if unknown:
            raise TypeError(f"status has no {', '.join(sorted(unknown))}")
        with self._changing:
            if "metrics" in fields:
                fields["metrics"] = {**self._status.metrics, **fields["metrics"]}
            self._status = Status.model_validate({**self._status.__dict__, **fields})
            self._dirty = True

    def moved(self, path: Path) -> None:
        """From now on the file is at ``path``: its directory was renamed."""
        with self._writing:
            self._path = path

    def warn(self, text: str) -> bool:
        """Add a warning; whether it is new."""
        with self._changing:
            if text in self._status.warnings:
                return False
            self._status = self._status.model_copy(update={"warnings": [*self._status.warnings, text]})
            self._dirty = True
        return True

    def handled(self, command: HandledCommand) -> None:
        """Say what became of a command, in place of what was said of it before."""
        with self._changing:
            others = [one for one in self._status.commands if one.id != command.id]
            self._status = self._status.model_copy(update={"commands": [*others, command][-COMMANDS_KEPT:]})
            self._dirty = True

    def publish(self, elapsed_s: float) -> None:
        """Replace status.json, one heartbeat on. No fsync: after a power cut the process is gone anyway.

        ``OSError`` when the disk refuses; the status then stays dirty and the old file in place.
        """
        with self._writing:
            with self._changing:
                moved = {"heartbeat": self._status.heartbeat + 1, "updated_at": time.time(), "elapsed_s": elapsed_s}
                self._status = self._status.model_copy(update=moved)
                current, self._dirty = self._status, False
            try:
                replace_bytes(self._path, encode(current, indent=1), durable=False)
            except OSError:
                self._dirty = True
                raise


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
            with suppress(OSError):  # one beat that the disk refuses is no death: the next one asks again
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
    family = [process, *_descendants(process)]
    system = psutil.virtual_memory()
    used, total = _device_bytes(device_memory)
    return Memory(
        process_bytes=sum(map(_resident_bytes, family)),
        system_used_bytes=system.total - system.available,
        system_total_bytes=system.total,
        device_used_bytes=used,
        device_total_bytes=total,
    )


def _descendants(process: psutil.Process) -> list[psutil.Process]:
    """The processes it started, and theirs.

    Linux says whom each thread started. Elsewhere psutil asks every process of the machine for its parent, which takes
    2.4 ms of ninety: more than all else that the heart does in the five seconds from one look to the next.
    """
    tasks = Path(f"/proc/{process.pid}/task")
    try:
        lists = [path.read_text() for path in tasks.glob("*/children")]
        started = [psutil.Process(int(pid)) for pids in lists for pid in pids.split()]
    except (OSError, psutil.Error):  # one ended meanwhile
        lists = []
    if not lists:
        return process.children(recursive=True)
    return started + [later for one in started for later in _descendants(one)]


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
