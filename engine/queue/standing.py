"""Where a request stands: what its file says, held against its run directory. No torch."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from engine.claims.figures import figure
from engine.errors import RunDirectoryError
from engine.queue.files import Queue, Queued, cancelling
from engine.queue.request import Outcome
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord
from engine.rundir.status import Status
from engine.rundir.view import RunView, ShownState


class Standing(StrEnum):
    """What the list calls a request. Submitted: a job of a cluster has it, and the cluster alone knows whether that job
    waits or computes. Interrupted: it was begun, nobody trains it now, and the next worker goes on."""

    WAITING = "waiting"
    SUBMITTED = "submitted"
    STARTING = "starting"
    RUNNING = "running"
    INTERRUPTED = "interrupted"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


_OVER = {ShownState.COMPLETED: "done", ShownState.CANCELLED: "cancelled", ShownState.FAILED: "failed"}


@dataclass(frozen=True)
class QueueRow:
    """One row of the list. view: of its run; None before it is begun, and of one that cannot be read."""

    queued: Queued
    state: Standing
    reason: str
    view: RunView | None

    def told(self) -> dict[str, Any]:
        """As ``--json`` prints it."""
        status = self.view.status if self.view else None
        shown = {name: getattr(status, name, None) for name in ("epoch", "total_epochs", "step", "total_steps")}
        best = status.best.model_dump() if status is not None and status.best is not None else None
        request = self.queued.request
        return {
            "id": self.queued.id,
            "state": str(self.state),
            "name": request.name,
            "run_dir": str(self.queued.root),
            "source": request.source,
            "added_at": request.added_at,
            **shown,
            "best": best,
            "reason": self.reason or None,
            "job": self.queued.job or None,
        }


def found(one: Queued) -> tuple[RunView | None, Outcome | None]:
    """A request's run as it is now, and how it came out if its directory says so; (None, …) when it cannot be read."""
    reader = RunReader(one.root)
    if not reader.exists:
        return None, None
    try:
        view = reader.view()
    except RunDirectoryError as error:
        return None, failed(str(error))
    return view, _outcome(view)


def failed(reason: str) -> Outcome:
    return Outcome(state="failed", reason=reason, ended_at=time.time())


def row_of(one: Queued, *, worked: bool) -> QueueRow:
    """Where ``one`` stands. worked: whether a worker goes through the queue."""
    view, outcome = found(one)
    outcome = one.request.outcome or outcome
    if one.state == "waiting":
        return QueueRow(one, Standing.SUBMITTED if one.job else Standing.WAITING, "", None)
    if outcome is not None:
        return QueueRow(one, Standing(outcome.state), outcome.reason, view)
    if view is not None and view.state.live:
        return QueueRow(one, Standing.RUNNING, "", view)
    if one.job:
        return QueueRow(one, Standing.SUBMITTED, "", view)
    begins = worked and (view is None or _starts(one, view))
    return QueueRow(one, Standing.STARTING if begins else Standing.INTERRUPTED, "", view)


def _starts(one: Queued, view: RunView) -> bool:
    """Whether a worker has started a process for ``one`` since its run was opened last."""
    try:
        started_at = one.path.stat().st_mtime
    except OSError:  # over, or forgotten, since it was listed
        return False
    return view.session is not None and view.session.started_at < started_at


def take_out(queue: Queue, one: Queued) -> None:
    """Remove a request that nobody trains; its run stays. ``RunDirectoryError`` for one that is under way."""
    view = row_of(one, worked=False).view
    if one.state == "begun" and (queue.seat.holder() or (view is not None and view.state.live)):
        raise RunDirectoryError(f"{one.id} is under way.", f"End it with: {cancelling(one)}")
    queue.remove(one)


def take_out_all(queue: Queue, those: Iterable[Queued]) -> tuple[list[Queued], list[RunDirectoryError]]:
    """Those that are out now, and why others are not: a worker may take the first in line meanwhile. Raises OSError."""
    out, refused = [], []
    for one in those:
        try:
            take_out(queue, one)
            out.append(one)
        except RunDirectoryError as error:
            refused.append(error)
    return out, refused


def best_so_far(status: Status | None, run: RunRecord | None) -> str:
    """ "validation error 4.21 dB in epoch 31"; "" before there is one."""
    if status is None or status.best is None or run is None:
        return ""
    labels = {spec.name: spec.label for spec in run.metrics}
    best, unit = status.best, run.monitor.unit
    return f"{labels.get(best.metric, best.metric)} {figure(best.raw, unit)} in epoch {best.epoch}"


def _outcome(view: RunView) -> Outcome | None:
    """None while it trains, and when it can go on."""
    if view.state not in _OVER or view.status is None:
        return None
    error = view.status.error
    reason = f"{error.cause} {error.remedy}".strip() if error is not None else ""
    return Outcome.model_validate(
        {"state": _OVER[view.state], "reason": reason, "ended_at": view.status.updated_at or time.time()}
    )
