"""``python -m tests.process.stopped_at STEP ...``: ``python -m engine.train ...`` told to end once update STEP is made.

By the signal that torchrun would pass on, at a moment that no clock decides. STEP,RANK: the process of that rank is
killed once it has done its part of the update. STEP,still: it is not told to end but stands still there, as after
SIGSTOP: whatever comes to it, however late on a busy machine, finds it between that update and the next.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import engine.train
from engine.loop.ranks import SharedRanks
from engine.metrics import StepMetrics
from engine.process.terminal import Terminal

AT, *HOW = sys.argv.pop(1).split(",")
STEP, STILL = int(AT), "still" in HOW
KILLED = [int(rank) for rank in HOW if rank != "still"]
update = SharedRanks._update


class Stopping(Terminal):
    def callback(self, event: object) -> None:
        super().callback(event)
        if isinstance(event, StepMetrics) and event.step == STEP:
            os.kill(os.getpid(), signal.SIGSTOP if STILL else signal.SIGTERM)


def killed(ranks: SharedRanks, task: Any, step: int, knobs: Any) -> Any:
    found = update(ranks, task, step, knobs)
    if step == STEP and ranks.group.rank in KILLED:
        os.kill(os.getpid(), signal.SIGKILL)
    return found


SharedRanks._update = killed  # type: ignore[method-assign]
engine.train.Terminal = Stopping  # type: ignore[misc]
engine.train.main()
