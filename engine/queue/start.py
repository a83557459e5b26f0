"""The worker of a queue as a process of its own, which outlives whoever started it. No torch."""

from __future__ import annotations

import os
import subprocess

from engine.child import apart, command, environment
from engine.queue.files import Queue
from engine.rundir.atomic import open_append


def start_worker(queue: Queue, slots: int) -> subprocess.Popen[bytes]:
    """``sweetspot queue run`` of this very version; what it prints goes to the queue's log.

    It is refused by itself where another goes through ``queue``. ``OSError`` when it cannot be started,
    ``RunDirectoryError`` where a link lies in the place of one of its files.
    """
    queue.prepare()
    with os.fdopen(open_append(queue.log), "ab") as log:
        return subprocess.Popen(
            command("engine", "queue", "run", f"--runs-dir={queue.runs_dir}", f"--slots={slots}"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            close_fds=True,
            env=environment(),
            **apart(),
        )
