"""status.json as the engine keeps it: in memory, changed at will, published when it is time."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

from engine.rundir.atomic import replace_bytes
from engine.rundir.encoding import encode
from engine.rundir.schema import HandledCommand, Status

COMMANDS_KEPT = 50


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
