"""A training as a process of its own, which outlives whoever started it. No torch."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.child import apart, command, environment
from engine.rundir.atomic import open_append
from engine.rundir.layout import Layout
from engine.rundir.reading import last_lines

_TAIL_BYTES = 8_000
_ERROR = "Error: "


def start_training(
    root: Path, arguments: Sequence[str], variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """``python -m engine.train`` for the run in ``root``, of this very version; what it prints goes to the run's log.

    It has a session of its own: Ctrl-C in this terminal does not reach it. variables: of its environment, beside those
    of this process. ``OSError`` when it cannot be started.
    """
    with os.fdopen(open_append(Layout(root).log), "ab") as log:
        return subprocess.Popen(
            command("engine.train", *arguments),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            close_fds=True,
            env=environment() | dict(variables or {}),
            **apart(),
        )


def last_words(root: Path) -> str:
    """Why a training ended that left no status: the last error in its log, else its last line; "" without a log."""
    lines = [line.strip() for line in last_lines(Layout(root).log, _TAIL_BYTES)]
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (errors or lines or [""])[-1]
