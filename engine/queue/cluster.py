"""Requests handed over to a cluster: each becomes a job, and what handed them over leaves. By submitit, an extra."""

from __future__ import annotations

import contextlib
import io
import shlex
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from engine.child import environment
from engine.errors import ConfigError, StorageError, SweetspotError
from engine.installation import install
from engine.queue.files import Queue, Queued
from engine.queue.standing import found
from engine.threads import MOST_AUTOMATIC_THREADS

if TYPE_CHECKING:
    from submitit.core.core import Job, PicklingExecutor

    from engine.queue.cluster_training import ClusterTraining

MOST_TIMES = 1000  # that a job comes back when its time was over: each time it saved what it had learned
_OWN = ("array", "error", "job-name", "open-mode", "output", "signal", "time")  # of sbatch's options, set here


def slurm(queue: Queue, minutes: int, at_once: int | None, options: Mapping[str, str | bool]) -> PicklingExecutor:
    """Slurm, as it is asked from this machine. ``ConfigError`` where that cannot be; ``StorageError``.

    minutes: of one job, which comes back when they are over. at_once: jobs; None: as many as the cluster allows.
    options: of sbatch, by their long names; True for one that takes no value.
    """
    _check(options)
    if not all(map(shutil.which, ("sbatch", "srun"))):
        raise ConfigError(
            "There is no Slurm on this machine: sbatch and srun are not found.",
            "Start it where jobs are submitted, or train here: leave --on slurm out.",
        )
    submitit = _submitit()
    executor: PicklingExecutor = submitit.SlurmExecutor(jobs_folder(queue), max_num_timeout=MOST_TIMES)
    executor.update_parameters(
        job_name="sweetspot",
        time=minutes,
        setup=[f"export PYTHONSAFEPATH=1 PYTHONPATH={shlex.quote(environment()['PYTHONPATH'])}"],
        additional_parameters=dict(options),
        **({} if at_once is None else {"array_parallelism": at_once}),
    )
    return executor


def hand_over(
    queue: Queue, executor: PicklingExecutor, threads: int | None, notify: str | None, tell: Callable[[str], None]
) -> int:
    """Make a job of every request that is not over and has none; how many. For who holds the queue's lock.

    threads: of those that name none; None: four. What one that stopped had learned its job goes on with.
    ``SweetspotError`` when the cluster refuses. ``StorageError``: what jobs could not be noted were taken back.
    """
    try:
        left = _left(queue, executor, tell)
    except OSError as error:
        raise StorageError.of(error) from error
    if not left:
        return 0
    threads = threads or MOST_AUTOMATIC_THREADS
    _ask_for_cores(executor, max(one.request.training.get("threads") or threads for one in left))
    jobs = _submitted(executor, _trainings(queue, left, threads, notify))
    try:
        _note(queue, {one.id: job for one, job in zip(left, jobs, strict=True)}, tell)
    finally:
        going_on = {one.id for one in queue.unfinished()}
        for one in left:
            if one.id not in going_on:  # over before its job was noted
                queue.jobs.release(one.id)
    return len(left)


def _note(queue: Queue, jobs: Mapping[str, Job[str]], tell: Callable[[str], None]) -> None:
    """Note the job of each request. One that the disk refuses to note is taken back from the cluster, for the next
    submitter would not know of it; then, after all others, ``StorageError``."""
    refused: StorageError | None = None
    for name, job in jobs.items():
        try:
            tell(f"{name} is job {queue.jobs.take(name, job.job_id)}")
        except (OSError, StorageError) as error:
            refused = StorageError.of(error) if isinstance(error, OSError) else error
            with contextlib.suppress(OSError):  # without scancel it begins, and takes its request unless one is faster
                job.cancel(check=False)
            tell(f"{name} is no job: {job.job_id} could not be noted and was taken back")
    if refused is not None:
        raise refused


def _trainings(queue: Queue, left: Sequence[Queued], threads: int, notify: str | None) -> list[ClusterTraining]:
    from engine.queue.cluster_training import ClusterTraining

    return [ClusterTraining(str(queue.runs_dir), one.id, threads, notify) for one in left]


def _left(queue: Queue, executor: PicklingExecutor, tell: Callable[[str], None]) -> list[Queued]:
    """What nobody has and is not over, in its order; what is over without being noted is noted."""
    requests = queue.unfinished()
    jobs = {one.id: executor.job_class(executor.folder, one.job) for one in requests if one.job}  # asked for at once
    left = []
    for one in requests:
        if one.id in jobs and not jobs[one.id].done():
            tell(f"{one.id} is job {one.job} already")
            continue
        view, outcome = found(one)
        if outcome is not None:
            queue.end(one, outcome)
        elif view is not None and view.state.live:
            tell(f"{one.id} trains already")
        else:
            queue.jobs.release(one.id)
            left.append(one)
    return left


def _submitted(executor: PicklingExecutor, trainings: Sequence[ClusterTraining]) -> list[Job[str]]:
    """The job of each, in order: an array, where there are several."""
    from submitit.core.utils import FailedJobError, FailedSubmissionError

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # it would say it twice
            return list(executor.submit_array(trainings))
    except (FailedJobError, FailedSubmissionError) as error:
        why = " ".join(str(error).split())
        raise SweetspotError(f"The cluster took no job: {why}", "See what it asks for: --minutes, --sbatch.") from error
    except OSError as error:
        raise StorageError.of(error) from error


def _ask_for_cores(executor: PicklingExecutor, threads: int) -> None:
    """``srun`` is told too: since Slurm 22.05 it does not take them from its job."""
    if "cpus_per_task" in executor._valid_parameters():
        executor.update_parameters(cpus_per_task=threads, srun_args=[f"--cpus-per-task={threads}"])


def jobs_folder(queue: Queue) -> Path:
    """Where submitit keeps its jobs, made: Python objects that a job makes anew, so nobody else may put one there.

    ``StorageError`` where it cannot be written or read.
    """
    folder = queue.folder / "submitit"
    try:
        queue.prepare()
        folder.mkdir(mode=0o700, exist_ok=True)
        next(folder.iterdir(), None)
    except OSError as error:
        raise StorageError.of(error) from error
    return folder


def _submitit() -> ModuleType:
    try:
        import submitit
    except ImportError as error:
        raise ConfigError("submitit is not installed.", f"Install it: {install('submitit')}.") from error
    return submitit


def _check(options: Mapping[str, str | bool]) -> None:
    for name in options:
        if name in _OWN:
            instead = "Use --minutes." if name == "time" else "Leave it out."
            raise ConfigError(f"--{name} of sbatch is set by the queue itself.", instead)
