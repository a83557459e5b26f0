"""Both ends of control.jsonl: a viewer says a word to the training process, which obeys it once and says so.

Anybody may append to the file, and anything. So the engine parses a line only when it names its session, and one poll
reads so much and no more: what is of no use delays a command by seconds, and the heartbeat by the reading of one part.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from engine.errors import RunDirectoryError, StorageError
from engine.printable import sweetspot
from engine.regular_file import open_at_once
from engine.rundir.atomic import append_line, open_append
from engine.rundir.encoding import as_written, encode
from engine.rundir.liveness import HEARTBEAT_PATIENCE_S, HeartbeatWatch, Liveness, presence
from engine.rundir.protocol import LONGEST_WORD, Command, HandledCommand
from engine.rundir.reader import RunReader

_REMOVE = "Remove it and say it again, or stop the process."
_OWNER = "Command it as its owner."
_REMEDIES = {errno.EINVAL: _REMOVE, errno.ELOOP: _REMOVE, errno.EACCES: _OWNER, errno.EPERM: _OWNER}
_LOOK_BACK_BYTES = 1 << 18
_LOOK_S = 0.05
_BLOCK = 1 << 20  # no command is nearly that long
_BLOCKS_A_POLL = 64


def send(root: Path, command: Literal["cancel", "save_now"], session: str | None = None) -> Command:
    """Append a command for ``session``, by default the one that trains now; it is obeyed once and by no other.

    ``RunDirectoryError`` when no session is named and no process trains; ``StorageError`` when it cannot be written.
    """
    reader = RunReader(root)
    sent = Command(
        id=str(uuid.uuid4()), command=command, issued_at=time.time(), session=session or live_session(reader)
    )
    try:
        descriptor = open_append(reader.layout.control)
        try:
            append_line(descriptor, b"\n" + encode(sent))  # the newline ends whatever another viewer left half written
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(
            f"The command cannot be written to {reader.layout.control}: {error.strerror or error}.",
            _REMEDIES.get(error.errno or 0, "Free some space, or stop the process."),
        ) from error
    return sent


def live_session(reader: RunReader) -> str:
    """The session to command. From another host it may be gone: then only its silence tells."""
    view = reader.view()
    if view.liveness is Liveness.COPIED:
        raise RunDirectoryError(f"No process trains {reader.id}. {view.doubt}", "Say it there.")
    session = view.session or view.status
    if session is None or not view.session_may_live:
        raise RunDirectoryError(
            f"No process trains {reader.id} (it is {view.state}).",
            f"Continue it with: {sweetspot('train', '--resume', reader.root)}" if view.resumable else "",
        )
    return session.session


def wait_for(
    root: Path, command_id: str, result: Literal["acknowledged", "done"] = "acknowledged", timeout_s: float = 30.0
) -> HandledCommand | None:
    """What the engine said of a command: ``result`` or more ("done" or "refused"); None when it said nothing.

    Returns as soon as the process is known to be gone, or where that cannot be known when its heartbeat rests for
    five seconds: nobody will answer then.
    """
    reader = RunReader(root)
    enough = ("acknowledged", "done", "refused") if result == "acknowledged" else ("done", "refused")
    deadline = time.monotonic() + timeout_s
    doubt = _Doubt()
    offset = reader.line_start(-_LOOK_BACK_BYTES)
    while True:
        gone = doubt.gone(reader)  # before reading, so that a last word is not missed
        events, offset = reader.events(offset)
        for event in events:
            if event.get("event") == "control" and event.get("id") == command_id and event.get("result") in enough:
                return HandledCommand.model_validate(event)
        if gone or time.monotonic() > deadline:
            return None
        time.sleep(_LOOK_S)


class _Doubt:
    """Whether anybody may still answer, asked again and again."""

    def __init__(self) -> None:
        self._watch = HeartbeatWatch()
        self._sign_at = time.monotonic()

    def gone(self, reader: RunReader) -> bool:
        sessions, status = reader.sessions(), reader.status()
        found = presence(reader.root, sessions[-1] if sessions else None)
        if found is not Liveness.UNKNOWN:
            return found is not Liveness.ALIVE
        if status is None or self._watch.observe(status.session, status.heartbeat) is Liveness.ALIVE:
            self._sign_at = time.monotonic()
        return time.monotonic() - self._sign_at > HEARTBEAT_PATIENCE_S


@dataclass(frozen=True)
class Arrival:
    """A command for this session. ``command`` is None when it is one this version does not know.

    Its id and name are told to every viewer: of an unknown one they are cut, so that no status grows beyond reading.
    """

    id: str
    name: str
    command: Command | None


class Inbox:
    """Reads control.jsonl from where it ended when the session began; older commands name older sessions anyway.

    tell: is given every answer, so that it reaches the run directory.
    """

    def __init__(self, path: Path, session: str, tell: Callable[[HandledCommand], None] = lambda answer: None) -> None:
        self._path = path
        self._session = session.encode()
        self._offset = path.stat().st_size if path.exists() else 0
        self._seen: set[str] = set()
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._cancels: list[Command] = []
        self._saves: list[Command] = []
        self._tell = tell
        self._open: dict[str, str] = {}  # the commands that are not done yet, by their ids
        self._answering = threading.Lock()

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

    def attend(self) -> None:
        """Acknowledge what has arrived and let the trainer see it; refuse what this version does not know."""
        for arrival in self.poll():
            self._open[arrival.id] = arrival.name
            if arrival.command is None:
                self.answer(arrival.id, "refused", "this version does not know the command")
                continue
            self.answer(arrival.id, "acknowledged")
            self.deliver(arrival.command)

    def answer(
        self, command_id: str, result: Literal["acknowledged", "done", "refused"], reason: str | None = None
    ) -> None:
        """Say what became of a command; its last answer ("done", "refused") is given once."""
        with self._answering:
            name = self._open.get(command_id) if result == "acknowledged" else self._open.pop(command_id, None)
        if name is not None:
            self._tell(HandledCommand(id=command_id, command=name, result=result, reason=reason, at=time.time()))

    def close(self) -> None:
        """Refuse every command that is still open, since training has ended."""
        for command_id in list(self._open):
            self.answer(command_id, "refused", "training ended first")

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
            found = self._path.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_size < self._offset:
                self._offset = 0  # somebody replaced the file; ids keep a command from being obeyed twice
            if not stat.S_ISREG(found.st_mode) or found.st_size == self._offset:
                return
            with open_at_once(self._path) as file:
                for _ in range(_BLOCKS_A_POLL):
                    file.seek(self._offset)
                    block = file.read(_BLOCK)
                    end = _whole(block)
                    self._offset += end
                    if self._session in block[:end]:
                        yield from (line for line in block[:end].split(b"\n") if self._session in line)
                    if end == 0:
                        return
        except FileNotFoundError:  # not there yet, or no longer: what comes next is another file
            self._offset = 0
        except OSError:  # held by a viewer on Windows: the next poll comes in a moment
            return

    def _parse(self, line: bytes) -> Arrival | None:
        values = as_written(line)
        if values is None or not isinstance(values.get("id"), str) or values.get("session") != self._session.decode():
            return None
        try:
            command = Command.model_validate(values)
        except ValidationError:
            name = values.get("command")
            return Arrival(values["id"][:LONGEST_WORD], name[:LONGEST_WORD] if isinstance(name, str) else "", None)
        return Arrival(command.id, command.command, command)


def _whole(block: bytes) -> int:
    """Where the last whole line of ``block`` ends. A block without any end of a line is passed over: no command."""
    end = block.rfind(b"\n") + 1
    return end or (len(block) if len(block) == _BLOCK else 0)
