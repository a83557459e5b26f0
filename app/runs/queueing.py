"""Runs that wait for their turn, as the app asks for them and shows them. Starts nothing."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.config import OverfittingPreset
from engine.process.job import asked_job
from engine.queue.files import Queue
from engine.queue.request import Request
from engine.queue.standing import QueueRow, Standing, row_of
from engine.queue.sweep import named, new_sweep, wishes

SWEPT, SEEDS = tuple(map(str, OverfittingPreset)), 2
UNDER_WAY = (Standing.RUNNING, Standing.STARTING, Standing.STOPPED)
OVER = (Standing.DONE, Standing.CANCELLED, Standing.FAILED)


@dataclass(frozen=True)
class Listed:
    """A queue at one moment. worker: which process goes through it, "" when none does; damaged: files passed over."""

    rows: Sequence[QueueRow]
    worker: str
    stopping: bool
    damaged: Sequence[Path]

    def of(self, *states: Standing) -> list[QueueRow]:
        return [row for row in self.rows if row.state in states]

    @property
    def left(self) -> int:
        """How many are not over."""
        return sum(row.state not in OVER for row in self.rows)

    def sweep(self, request: Request) -> list[QueueRow]:
        """All that were asked for with ``request`` in one wish; empty for one that was asked for alone."""
        return [row for row in self.rows if request.sweep is not None and row.queued.request.sweep == request.sweep]


def listed(queue: Queue) -> Listed:
    """Never fails: without a queue there is nothing in it."""
    worker = queue.worker()
    rows = [row_of(one, worked=bool(worker)) for one in queue.requests()]
    return Listed(rows, worker, bool(worker) and queue.stopping, queue.damaged())


def add(queue: Queue, source: str, name: str, settings: Mapping[str, Any], *, sweep: bool = False) -> int:
    """Put a run at the end, with ``sweep`` one of each preset with each of two seeds; how many.

    settings: by name, also "from" and "checkpoint", as the command line has them. ``SweetspotError`` when one of them
    could not be trained, or the disk refuses.
    """
    own = dict(settings)
    origin, which = own.pop("from", None), own.pop("checkpoint", None)
    begins = None if origin is None else Path(origin)
    asked = wishes(own, SWEPT, SEEDS) if sweep else [(own, ())]
    jobs = [
        named(
            asked_job(
                wish, queue.runs_dir, source=source, name=name, config_file=None, origin=begins,
                checkpoint=which,
            ),
            varied,
        )
        for wish, varied in asked
    ]  # fmt: skip
    together = new_sweep(jobs)
    for job in jobs:  # only once all are found good
        queue.add(job, source, together)
    return len(jobs)


def writable(queue: Queue) -> bool:
    """Whether this user may change it."""
    place = next(place for place in (queue.folder, queue.runs_dir, *queue.runs_dir.parents) if place.exists())
    return os.access(place, os.W_OK | os.X_OK)
