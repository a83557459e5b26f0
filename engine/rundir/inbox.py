"""The engine's end of control.jsonl: new commands for this session, each of them once.

Anybody may append to the file, and anything. So a line is parsed only when it names this session, and one poll reads so
much and no more: what is of no use delays a command by seconds, and the heartbeat by the reading of one part.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from engine.rundir.encoding import decode
from engine.rundir.schema import Command

_BLOCK = 1 << 20  # no command is nearly that long
_BLOCKS_A_POLL = 64


@dataclass(frozen=True)
class Arrival:
    """A command for this session. ``command`` is None when it is one this version does not know."""

    id: str
    name: str
    command: Command | None


class Inbox:
    """Reads control.jsonl from where it ended when the session began; older commands name older sessions anyway."""

    def __init__(self, path: Path, session: str) -> None:
        self._path = path
        self._session = session.encode()
        self._offset = path.stat().st_size if path.exists() else 0
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._cancels: list[Command] = []
        self._saves: list[Command] = []

    def moved(self, path: Path) -> None:
        """From now on the file is at ``path``: its directory was renamed."""
        self._path = path

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

    def _new_lines(self) -> Iterator[bytes]:
        """The whole lines that name this session, of at most ``_BLOCKS_A_POLL`` blocks; the next poll goes on there."""
        try:
            size = self._path.stat().st_size
            if size == self._offset:
                return
            if size < self._offset:  # somebody replaced the file; ids keep a command from being obeyed twice
                self._offset = 0
            with self._path.open("rb") as file:
                for _ in range(_BLOCKS_A_POLL):
                    file.seek(self._offset)
                    block = file.read(_BLOCK)
                    end = _whole(block)
                    self._offset += end
                    if self._session in block[:end]:
                        yield from (line for line in block[:end].split(b"\n") if self._session in line)
                    if end == 0:
                        return
        except OSError:  # not there yet, or held by a viewer on Windows: the next poll comes in a moment
            return

    def _parse(self, line: bytes) -> Arrival | None:
        values = decode(line)
        if values is None or not isinstance(values.get("id"), str) or values.get("session") != self._session.decode():
            return None
        try:
            command = Command.model_validate(values)
        except ValidationError:
            return Arrival(values["id"], str(values.get("command")), None)
        return Arrival(command.id, command.command, command)


def _whole(block: bytes) -> int:
    """Where the last whole line of ``block`` ends. A block without any end of a line is passed over: no command."""
    end = block.rfind(b"\n") + 1
    return end or (len(block) if len(block) == _BLOCK else 0)
