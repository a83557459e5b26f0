"""The viewer's end of control.jsonl: say a word to the training process and hear what became of it."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Literal

from engine.errors import RunDirectoryError, StorageError
from engine.rundir.atomic import append_line, open_append
from engine.rundir.encoding import encode
from engine.rundir.liveness import HEARTBEAT_PATIENCE_S, HeartbeatWatch, Liveness
from engine.rundir.presence import presence
from engine.rundir.reader import RunReader
from engine.rundir.schema import Command, HandledCommand

_LOOK_BACK_BYTES = 1 << 18
_LOOK_S = 0.05


def send(root: Path, command: Literal["cancel", "save_now"], session: str | None = None) -> Command:
    """Append a command for ``session``, by default the one that trains now; it is obeyed once and by no other.

    ``RunDirectoryError`` when no session is named and no process trains; ``StorageError`` when it cannot be written.
    """
    reader = RunReader(root)
    said = Command(
        id=str(uuid.uuid4()), command=command, issued_at=time.time(), session=session or live_session(reader)
    )
    try:
        descriptor = open_append(reader.layout.control)
        try:
            append_line(descriptor, b"\n" + encode(said))  # the newline ends whatever another viewer left half written
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StorageError(
            f"The command cannot be written to {reader.layout.control}: {error.strerror or error}.",
            "Command it as its owner."
            if isinstance(error, PermissionError)
            else "Free some space, or stop the process.",
        ) from error
    return said


def live_session(reader: RunReader) -> str:
    """The session to command. From another host it may be gone: then only its silence tells."""
    view = reader.view()
    if view.liveness is Liveness.COPIED:
        raise RunDirectoryError(f"No process trains {reader.id}. {view.doubt}", "Say it there.")
    if view.session is None or not view.session_may_live:
        raise RunDirectoryError(
            f"No process trains {reader.id} (it is {view.state}).",
            f"Continue it with: sweetspot train --resume {reader.root}" if view.resumable else "",
        )
    return view.session.session


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
        found = presence(reader.root, sessions[-1]) if sessions else Liveness.DEAD
        if found is not Liveness.UNKNOWN:
            return found is not Liveness.ALIVE
        if status is None or self._watch.observe(status.session, status.heartbeat) is Liveness.ALIVE:
            self._sign_at = time.monotonic()
        return time.monotonic() - self._sign_at > HEARTBEAT_PATIENCE_S
