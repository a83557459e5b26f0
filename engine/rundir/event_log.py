"""metrics.jsonl while its trainer writes it: an event a line, and none that is lost without being told."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.rundir.atomic import Journal
from engine.rundir.encoding import decode, encode
from engine.rundir.protocol import EventKind

# A line of an update as it is written, numbers alone: nearly all of a long run, and parsed they take thrice as long.
_MOST = 2**53  # counts and seconds: more is said by no training, and is no number of JSON everywhere
_NUMBER = rb"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:e[+-]?[0-9]+)?"
_STEP = re.compile(rb'\{"event":"step"(?=.{1,200}?,"step":[0-9]{1,9},)(?:,"[a-z_]+":' + _NUMBER + rb")++\}")


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


def is_event(line: bytes) -> bool:
    """Whether a whole line of metrics.jsonl is one that a training writes: it says what it is, and when."""
    if _STEP.fullmatch(line):
        return True
    found = decode(line)
    if found is None or not isinstance(kind := found.get("event"), str):
        return False
    when = found.get(kind if kind in ("step", "epoch") else "elapsed_s")
    return isinstance(when, int | float) and not isinstance(when, bool) and abs(when) < _MOST
