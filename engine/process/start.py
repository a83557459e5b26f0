"""A training as a process of its own, which outlives whoever started it. No torch."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.rundir.atomic import open_append
from engine.rundir.layout import Layout
from engine.rundir.reading import own_file

_TAIL_BYTES = 8_000
_ERROR = "Error: "


def start_training(root: Path, arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """``python -m engine.train`` for the run in ``root``, of this very version; what it prints goes to the run's log.

    It has a session of its own: Ctrl-C in this terminal does not reach it. ``OSError`` when it cannot be started.
    """
    with os.fdopen(open_append(Layout(root).log), "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "engine.train", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            close_fds=True,
            env=environment(),
            **apart(),
        )


def last_words(root: Path) -> str:
    """Why a training ended that left no status: the last error in its log, else its last line; "" without a log."""
    log = Layout(root).log
    if not own_file(log):
        return ""
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        lines = [line.strip() for line in file.read().decode("utf-8", errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (errors or lines or [""])[-1]


def environment() -> dict[str, str]:
    """Of a process that is to be of this very version, and that says at once what it says."""
    own = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([own, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))])
    return {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}


def apart() -> dict[str, Any]:
    """For Popen: a session of its own, which neither Ctrl-C nor the end of this one's terminal reaches."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
