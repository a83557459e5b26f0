"""``python -m tests.queue.machine RUNS_DIR [--killed]``: hand the queue over to submitit's stand-in for a cluster.

Its jobs are processes of this machine. With ``--killed`` this process is killed when the cluster has the jobs, and
before any is noted.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import submitit

from engine.queue.cluster import hand_over, jobs_folder
from engine.queue.files import Queue


class MachineJob(submitit.LocalJob[Any]):
    """One that is asked for by another process than the one that submitted it, as Slurm's are: by its number."""

    def done(self, force_check: bool = False) -> bool:
        return not psutil.pid_exists(int(self.job_id))


class Machine(submitit.LocalExecutor):
    job_class = MachineJob


class Killed(Machine):
    def submit_array(self, fns: Sequence[Callable[[], Any]]) -> list[Any]:
        super().submit_array(fns)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


def main(runs: Path, kind: type[Machine]) -> None:
    queue = Queue(runs)
    with queue.as_worker():
        executor = kind(jobs_folder(queue))
        executor.update_parameters(timeout_min=60)
        hand_over(queue, executor, 1, None, lambda line: print(line, flush=True))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Killed if "--killed" in sys.argv else Machine)
