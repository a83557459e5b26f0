"""A queue at one moment: its requests with where each stands, and how many are left. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.quantities import counted, plural
from engine.queue.files import Queue
from engine.queue.request import Request
from engine.queue.standing import QueueRow, Standing, row_of
from engine.rundir.layout import is_run_id

UNDER_WAY = (Standing.RUNNING, Standing.STARTING, Standing.SUBMITTED, Standing.INTERRUPTED)
OVER = (Standing.DONE, Standing.CANCELLED, Standing.FAILED)


@dataclass(frozen=True)
class Listed:
    """A queue at one moment. worker: which process goes through it, "" when none does; damaged: files passed over."""

    rows: Sequence[QueueRow]
    worker: str
    stopping: bool
    damaged: Sequence[Path]

    def passed_over(self) -> list[tuple[str, str]]:
        """Of each damaged file why it is passed over, and what to do, as sentences that name it."""
        return [
            (f"{path} is damaged and is passed over.", "Add it again, and remove the file.")
            if is_run_id(path.stem)
            else (f"{path} is passed over: {path.stem!r} cannot be the name of a run.", "Add it again, and remove it.")
            for path in self.damaged
        ]

    def of(self, *states: Standing) -> list[QueueRow]:
        return [row for row in self.rows if row.state in states]

    @property
    def left(self) -> int:
        """How many are not over."""
        return sum(row.state not in OVER for row in self.rows)

    @property
    def to_begin(self) -> int:
        """How many are not over that nobody trains and no job of a cluster has."""
        return self.left - len(self.of(Standing.SUBMITTED, Standing.RUNNING))

    def unworked(self) -> tuple[str, str]:
        """How it stands where no worker goes through it: in short, and in figures ("" where nothing is left)."""
        running, submitted = len(self.of(Standing.RUNNING)), len(self.of(Standing.SUBMITTED))
        parts = [f"{running} {plural(running, 'trains', 'train')}"] if running else []
        parts += [f"{submitted} with the cluster"] if submitted else []
        if self.to_begin:
            short = "Nobody goes on." if parts else "The queue stands still."
            parts.append(f"{counted(self.to_begin, 'run')} to be trained")
        else:
            short = "Nothing waits."
        return short, f"{', '.join(parts)}." if parts else ""

    def sweep(self, request: Request) -> list[QueueRow]:
        """All that were asked for with ``request`` as one sweep; empty for one that was asked for alone."""
        return [row for row in self.rows if request.sweep is not None and row.queued.request.sweep == request.sweep]


def listed(queue: Queue) -> Listed:
    """Without a queue there is nothing in it; ``StorageError`` where one is there that cannot be read."""
    worker = queue.seat.holder()
    rows = [row_of(one, worked=bool(worker)) for one in queue.requests()]
    return Listed(rows, worker, bool(worker) and queue.seat.asked_to_end, queue.damaged())
