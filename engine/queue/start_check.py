"""What a training looks at before it opens its run directory, looked at for a request: that device, those weights.

In a process of its own, as both need torch, which the app never loads.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from engine.child import command, environment
from engine.errors import ConfigError, DataError, OutOfMemoryError, RunDirectoryError, StorageError, SweetspotError
from engine.process.job import Job
from engine.process.origin import Origin

_EVERYWHERE = ("auto", "cpu")  # devices that every machine has
_KINDS = {one.__name__: one for one in (ConfigError, DataError, OutOfMemoryError, RunDirectoryError, StorageError)}


def check_start(job: Job) -> None:
    """``SweetspotError`` where ``job`` could not begin here: no such device, or no such weights to begin with."""
    device = None if job.training.device in _EVERYWHERE else job.training.device
    if device is None and job.origin is None:
        return
    origin = None if job.origin is None else [str(job.origin.root), job.origin.which]
    done = subprocess.run(
        command("engine.queue.start_check", json.dumps({"device": device, "origin": origin})),
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=environment(),
    )  # fmt: skip
    if done.returncode == 0:
        return
    try:
        kind, cause, remedy = json.loads(done.stdout)
    except ValueError:
        last = (done.stderr.splitlines() or [f"exit code {done.returncode}"])[-1]
        raise SweetspotError(f"Whether it could begin cannot be found out: {last}.", "Try again.") from None
    raise _KINDS.get(kind, SweetspotError)(cause, remedy)


def _main(asked: str) -> int:
    from engine.device import choose

    wish = json.loads(asked)
    try:
        if wish["device"] is not None:
            choose(wish["device"], threads=1)
        if wish["origin"] is not None:
            root, which = wish["origin"]
            Origin(Path(root), which).load()
    except SweetspotError as error:
        print(json.dumps([type(error).__name__, error.cause, error.remedy]))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1]))
