"""The process that trains a request: how it is started, and what its end says. For whoever sees to one, here or on a
machine of a cluster."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping

from engine.process.notify import notify
from engine.process.signals import SIGNALS
from engine.process.start import last_words, start_training
from engine.queue.files import Queue, Queued
from engine.queue.standing import found
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState

LOOK_S = 0.2
# The exit codes of a training that a signal ended: with a checkpoint, or before it could catch one.
_STOPPED = {128 + number for number in SIGNALS} | {-number for number in SIGNALS}


def begun(one: Queued) -> bool:
    """Whether its run is there already, to be gone on with."""
    return Layout(one.root).run.exists()


def start(
    queue: Queue, one: Queued, threads: int, command: str | None, variables: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Train ``one`` in a process of its own, from where it stands. Raises OSError.

    threads: where the request names none. command: that is notified. variables: of its environment, beside ours.
    """
    arguments = [f"--resume={one.root}"] if begun(one) else one.request.arguments(one.path, one.root, threads)
    if command:
        arguments = [f"--notify={command}", *arguments]  # what stands after "--" is no option
    one.root.mkdir(parents=True, exist_ok=True)
    queue.starts(one)
    return start_training(one.root, arguments, variables)


def was_stopped(one: Queued, code: int | None) -> bool:
    """Whether somebody's signal ended it, with a checkpoint if it had begun.

    code: None where its process was another's. Where it is known, it alone says so: of a training that was killed
    before it opened its run, the run still shows how the session before ended.
    """
    if code is not None:
        return code in _STOPPED
    view, _ = found(one)
    return view is not None and view.state is ShownState.INTERRUPTED


def unsaid(one: Queued, code: int | None) -> str:
    """Why its process failed before its run could say so; "" when it has not."""
    if code is None or code < 0 or code in _STOPPED:
        return ""
    return last_words(one.root) or f"It ended with exit code {code}."


class Deaths:
    """Trainings that were killed without a last word: gone on with, but not for ever."""

    def __init__(self) -> None:
        self._died_at: dict[str, int] = {}

    def too_many(self, one: Queued, code: int | None) -> str:
        """Why it is given up: twice without anything new is a failure. "" when it is to be gone on with."""
        saved = saved_step(one)
        if self._died_at.get(one.id) != saved:
            self._died_at[one.id] = saved
            return ""
        by = "" if code is None else f" (signal {-code})"
        reason = f"Its process was killed twice{by} and had saved nothing new between."
        return f"{reason} If memory was short, use fewer slots or a smaller --batch-size."


def saved_step(one: Queued) -> int:
    """The update of its last checkpoint; 0 before the first."""
    status = RunReader(one.root).status()
    return status.last_checkpoint.step if status is not None and status.last_checkpoint is not None else 0


def tell_failure(one: Queued, reason: str, command: str | None) -> None:
    """Notify of what its run could not say itself."""
    if command:
        with contextlib.suppress(OSError, ValueError):  # last words may hold a NUL
            notify(command, one.root, "failed", reason, RunReader(one.root).status())
