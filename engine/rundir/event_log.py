"""metrics.jsonl while its trainer writes it: an event a line, and none that is lost without being told."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.rundir.atomic import Journal
from engine.rundir.encoding import encode
from engine.rundir.protocol import EventKind


class EventLog:
    """The events of one session. elapsed_s: seconds of training so far. warn: told of a loss while it lasts.

    A line that the disk refuses is counted, and told as an event once there is room again.
    """

    def __init__(self, path: Path, elapsed_s: Callable[[], float], warn: Callable[[str], object]) -> None:
        self._journal = Journal(path)
        self._elapsed_s, self._warn = elapsed_s, warn
        self._lost_lines = 0
        self._untold_loss = ""

    def add(self, kind: EventKind, fields: dict[str, Any]) -> None:
        """Append one line; never raises for the disk."""
        record = {"event": kind, "at": round(time.time(), 3), "elapsed_s": round(self._elapsed_s(), 3), **fields}
        try:
            self._journal.append(encode(record))
        except OSError as error:
            self._lost_lines += 1
            self._untold_loss = f"The disk refused to write ({error.strerror or error}): the curves have gaps."
            self._warn(self._untold_loss)
            return
        if self._untold_loss:
            text, self._untold_loss = self._untold_loss, ""
            self.add("warning", {"message": text, "code": "storage", "lost_lines": self._lost_lines})

    def flush(self) -> None:
        """Bring every line to the disk. ``OSError`` when it refuses."""
        self._journal.flush()

    def close(self) -> None:
        self._journal.close()
