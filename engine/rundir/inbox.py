"""The engine's end of control.jsonl: new commands for this session, each of them once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.rundir.encoding import decode
from engine.rundir.schema import Command

_LONGEST_READ = 1 << 20


@dataclass(frozen=True)
class Arrival:
    """A command for this session. ``command`` is None when it is one this version does not know."""

    id: str
    name: str
    command: Command | None


class Inbox:
    """Reads control.jsonl from where it ended when the session began; older commands name older sessions anyway."""

    def __init__(self, path: Path, session: str) -> None:
        self.unreadable_lines = 0
        self._path = path
        self._session = session
        self._offset = path.stat().st_size if path.exists() else 0
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._cancels: list[Command] = []
        self._saves: list[Command] = []

    @property
    def cancel(self) -> bool:
        """Whether a cancel has come to this session. It stays: there is no way back."""
        return self._cancelled.is_set()

    def take_cancels(self) -> list[Command]:
        """The cancel commands that came since the last call."""
        with self._lock:
            taken, self._cancels = self._cancels, []
        return taken

    def take_saves(self) -> list[Command]:
        """The save-now commands that came since the last call: one checkpoint answers them all."""
        with self._lock:
            taken, self._saves = self._saves, []
        return taken

    def deliver(self, command: Command) -> None:
        """Let the trainer see ``command``; after its acknowledgement, so that "done" cannot come first."""
        with self._lock:
            (self._cancels if command.command == "cancel" else self._saves).append(command)
        if command.command == "cancel":
            self._cancelled.set()

    def poll(self) -> list[Arrival]:
        """What has arrived since the last poll. Costs one ``stat`` when nothing has."""
        arrivals = []
        for line in self._new_lines():
            arrival = self._parse(line)
            if arrival and arrival.id not in self._seen:
                self._seen.add(arrival.id)
                arrivals.append(arrival)
        return arrivals

    def _new_lines(self) -> list[bytes]:
        try:
            size = self._path.stat().st_size
            if size == self._offset:
                return []
            if size < self._offset:  # somebody replaced the file; ids keep a command from being obeyed twice
                self._offset = 0
            with self._path.open("rb") as file:
                file.seek(self._offset)
                block = file.read(_LONGEST_READ)
        except OSError:  # not there yet, or held by a viewer on Windows: the next poll comes in a moment
            return []
        end = block.rfind(b"\n") + 1
        if not end and len(block) == _LONGEST_READ:  # no command is that long
            self.unreadable_lines += 1
            end = len(block)
        self._offset += end
        return [line for line in block[:end].split(b"\n") if line.strip()]

    def _parse(self, line: bytes) -> Arrival | None:
        values = decode(line)
        if values is None or not isinstance(values.get("id"), str):
            self.unreadable_lines += 1
            return None
        if values.get("session") != self._session:
            return None
        try:
            command = Command.model_validate(values)
        except ValidationError:
            return Arrival(values["id"], str(values.get("command")), None)
        return Arrival(command.id, command.command, command)
