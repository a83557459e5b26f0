"""Requests as jobs of a cluster: submitit's stand-in trains them for real; of Slurm, what its commands are asked."""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from engine.errors import ConfigError, RunDirectoryError, StorageError
from engine.queue.cluster import hand_over, slurm
from engine.queue.cluster_training import ClusterSignals
from engine.queue.files import Queue
from engine.queue.jobs import Jobs
from engine.queue.request import Outcome
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.conftest import ROOT, until
from tests.queue.test_queue import LENGTH, Engine, added, asked, listed, states, table
from tests.test_train_process import comparable

LONG_S = 300.0  # for jobs that import torch, and train
LONG = (*LENGTH, "--max-epochs", "120")  # of what is to be found under way
Submit = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def queue(engine: Engine, runs: Path) -> Engine:
    return lambda word, *arguments: engine("queue", word, *arguments, "--runs-dir", runs)


@pytest.fixture
def submit(runs: Path, tmp_path: Path) -> Iterator[Submit]:
    """Hand the queue over. What the cluster still has at the end of the test is killed."""

    def call(*options: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.queue.machine", runs, *options]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        with (tmp_path / "said").open("w") as said:
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=said, stderr=said, timeout=120)
        return subprocess.CompletedProcess(command, done.returncode, (tmp_path / "said").read_text())

    yield call
    for process in psutil.process_iter(["cmdline"]):
        if str(runs) in " ".join(process.info["cmdline"] or ()):
            with contextlib.suppress(psutil.Error):  # it has ended meanwhile
                process.kill()


def task_of(job: str) -> psutil.Process:
    """The process of the machine that a job is at."""
    return until(lambda: psutil.Process(int(job)).children())[0]


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):  # it went with the one before
            process.kill()
    psutil.wait_procs(processes, timeout=120)


def saved_step(root: Path) -> int:
    status = RunReader(root).status()
    return status.last_checkpoint.step if status is not None and status.last_checkpoint is not None else 0


def freeze(root: Path, step: int = 0) -> int:
    """Stop its trainer amid its updates, as soon as it has saved some after ``step``; its pid."""
    until(lambda: saved_step(root) > step, LONG_S)
    pid = RunReader(root).sessions()[-1].pid
    os.kill(pid, signal.SIGSTOP)
    return pid


def warn(root: Path, job: str, number: int) -> None:
    """Send its job a signal, its trainer too, while its trainer, which is frozen, cannot come to an end by itself."""
    pid = RunReader(root).sessions()[-1].pid
    task_of(job).send_signal(number)
    os.kill(pid, number)  # some clusters signal every process of a job
    until(lambda: is_told_to_end(pid))
    os.kill(pid, signal.SIGCONT)


def is_told_to_end(pid: int) -> bool:
    (pending,) = re.findall(r"^ShdPnd:\t(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return bool(int(pending, 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.slow
def test_jobs_of_a_killed_submitter_train_once_and_one_that_must_make_room_goes_on_with_the_same_bits(
    queue: Engine, runs: Path, submit: Submit, tmp_path: Path
) -> None:
    source = table(tmp_path / "table.csv")
    long = (*LONG, "--seed", "2")
    first, second = added(queue, source, *LENGTH, "--seed", 1), added(queue, source, *long)
    assert submit("--killed").returncode == -signal.SIGKILL
    again = submit()
    assert again.returncode == 0 and f"{second.name} is job " in again.stdout, again.stdout
    freeze(second)
    known = submit().stdout
    assert f"{second.name} is job " in known and {line.split()[-1] for line in known.splitlines()} == {"already"}
    assert queue("run").stdout == "", "what the cluster has no worker here takes"
    warn(second, Queue(runs).jobs.holder(second.name), signal.SIGUSR2)
    until(lambda: states(queue) == ["done", "done"], LONG_S)
    sessions = [RunReader(root).sessions() for root in (first, second)]
    steps = [event["step"] for event in RunReader(second).events().events if event["event"] == "step"]
    assert len(steps) == len(set(steps)), "what was learned before was saved, to the last update"
    assert [len(one) for one in sessions] == [1, 2] and (sessions[1][1].resumed_from_step or 0) > 0
    whole = tmp_path / "whole"
    assert forkserver.run("engine.train", source, "--run-dir", whole, *long).returncode == 0
    assert comparable(second) == comparable(whole)
    assert not Queue(runs).jobs.holders() and submit().stdout == ""


@pytest.mark.slow
def test_a_job_that_the_cluster_ended_is_handed_over_again_and_one_that_fails_says_why(
    queue: Engine, runs: Path, submit: Submit, tmp_path: Path
) -> None:
    gone = table(tmp_path / "gone.csv")
    kept = added(queue, table(tmp_path / "kept.csv"), *LONG)
    missing = added(queue, gone, "--target", "kind")
    gone.unlink()
    assert submit().returncode == 0
    freeze(kept)
    job = Queue(runs).jobs.holder(kept.name)
    warn(kept, job, signal.SIGTERM)  # of a cluster that does not say whether the job comes back
    pid = RunReader(kept).sessions()[-1].pid
    until(lambda: not psutil.pid_exists(pid))
    status = RunReader(kept).status()
    assert status is not None and status.last_checkpoint is not None
    assert (status.state, status.last_checkpoint.step) == (State.INTERRUPTED, status.step)
    assert psutil.pid_exists(int(job)), "the cluster may say yet that it comes back"
    kill([task_of(job), psutil.Process(int(job))])  # as Slurm does to one that is cancelled
    assert f"{kept.name} is job " in submit().stdout
    pid, job = freeze(kept, status.step), Queue(runs).jobs.holder(kept.name)
    kill([psutil.Process(int(job)), task_of(job), psutil.Process(pid)])
    until(
        lambda: {one["id"]: one["state"] for one in listed(queue)} == {kept.name: "submitted", missing.name: "failed"}
    )
    assert f"{kept.name} is job " in submit().stdout
    until(lambda: {one["state"] for one in listed(queue)} == {"failed", "done"}, LONG_S)
    found = {one["id"]: one for one in listed(queue)}
    assert "gone.csv" in found[missing.name]["reason"] and found[kept.name]["state"] == "done"
    assert [one.resumed_from_step is not None for one in RunReader(kept).sessions()] == [False, True, True]


class Requeued(Exception):  # noqa: N818 - no error
    """What submitit does where a job comes back: it ends the process."""


@pytest.fixture
def submitits() -> Iterator[None]:
    """The signals as submitit has set them when a job begins."""

    def comes_back(number: int, frame: object) -> None:
        raise Requeued

    before = {
        signal.SIGUSR2: signal.signal(signal.SIGUSR2, comes_back),
        signal.SIGTERM: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("submitits")
@pytest.mark.parametrize("late", [False, True], ids=["at once", "after the training has ended"])
def test_a_job_that_is_told_to_go_and_then_that_it_may_come_back_comes_back(late: bool) -> None:
    with ClusterSignals() as signals, pytest.raises(Requeued):
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: signals.received)
        comes = threading.Timer(0.3 if late else 0.0, os.kill, (os.getpid(), signal.SIGUSR2))
        comes.start()
        if not late:
            comes.join()
        signals.obey()


@pytest.mark.usefixtures("submitits")
def test_a_job_that_is_told_to_go_and_hears_no_more_goes() -> None:
    with ClusterSignals(patience=0.0) as signals, pytest.raises(SystemExit) as left:
        os.kill(os.getpid(), signal.SIGTERM)
        until(lambda: signals.received)
        signals.obey()
    assert left.value.code == 143


def test_a_damaged_note_that_another_replaces_meanwhile_is_his(tmp_path: Path) -> None:
    mine, his = Jobs(tmp_path), Jobs(tmp_path)
    mine.take("a", "0")
    (mine.folder / "a.json").write_text("{ torn")
    taken: list[str] = []
    was_damaged = mine._is_damaged

    def looked(name: str) -> bool:
        damaged = was_damaged(name)
        if not taken:
            taken.append(his.take(name, "his"))
        return damaged

    mine._is_damaged = looked  # type: ignore[method-assign]
    assert mine.take("a", "mine") == "his" and taken == ["his"]
    assert {path.name for path in mine.folder.iterdir()} == {"a.json"}


def test_of_two_jobs_for_one_request_the_first_has_it_until_it_gives_it_up(tmp_path: Path) -> None:
    jobs = Jobs(tmp_path)
    assert jobs.holder("a") == "" and jobs.holders() == {}
    assert [jobs.take("a", job) for job in ("1_0", "2", "1_0")] == ["1_0"] * 3
    assert jobs.holders() == {"a": "1_0"} and [path.name for path in jobs.folder.iterdir()] == ["a.json"]
    jobs.release("a")
    assert jobs.take("a", "2") == "2"
    (jobs.folder / "a.json").write_text("{ torn")
    assert jobs.holder("a") == "" and jobs.take("a", "3") == "3", "a damaged note is none"


def test_what_a_job_has_is_nobody_elses(queue: Engine, runs: Path) -> None:
    a, b, c = asked(runs, *"abc")
    one = Queue(runs)
    for name in (a, b):
        one.jobs.take(name, f"4711_{name == b:d}")
    assert [left.id for left in one.to_train()] == [c] and [left.id for left in one.unfinished()] == [a, b, c]
    with pytest.raises(RunDirectoryError, match="does not wait any more"):
        one.train_next([a])
    shown = queue("list").stdout
    assert shown.count("submitted") == 2 and "job 4711_1" in shown
    assert "\nNobody goes on. 2 with the cluster, 1 run to be trained. Start with: sweetspot queue run" in shown
    assert queue("remove", c).returncode == 0 and queue("list").stdout.endswith(
        "\nNothing waits. 2 with the cluster.\n"
    )
    begun = one.begin(one.unfinished()[0])
    assert begun is not None
    refused = queue("remove", a)
    assert refused.returncode == 2 and "under way as job 4711_0 of the cluster" in refused.stderr
    one.end(begun, Outcome(state="done", ended_at=1.0))
    assert queue("remove", b).returncode == 0 and states(queue) == ["done"]
    with one.as_worker():
        assert one.jobs.holders() == {}, "what is over has no job"


class Slurm:
    """Slurm's commands: they note what they are asked, and answer what is written beside them."""

    def __init__(self, place: Path) -> None:
        self._place = place
        place.mkdir()
        self._put("srun", "exit 0")
        self._put("scancel", f'echo "$@" >> {place}/cancelled')
        self._put(
            "sbatch", f'cp "$1" {place}/script; cat {place}/answer; cat {place}/refusal >&2; test ! -s {place}/refusal'
        )
        self._put("sacct", f"echo 'JobID|State|NodeList'; cat {place}/states")
        self.answers(4711)
        self.says("")

    def answers(self, job: int, refusal: str = "") -> None:
        (self._place / "answer").write_text("" if refusal else f"Submitted batch job {job}\n")
        (self._place / "refusal").write_text(refusal)

    @property
    def cancelled(self) -> list[str]:
        found = self._place / "cancelled"
        return found.read_text().split() if found.exists() else []

    def says(self, states: str) -> None:
        (self._place / "states").write_text(states)

    @property
    def script(self) -> list[str]:
        return (self._place / "script").read_text().splitlines()

    def _put(self, name: str, text: str) -> None:
        (self._place / name).write_text(f"#!/bin/sh\n{text}\n")
        (self._place / name).chmod(0o755)


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    monkeypatch.setenv("PATH", f"{tmp_path / 'slurm'}:{os.environ['PATH']}")
    return Slurm(tmp_path / "slurm")


def test_what_waits_is_one_array_and_what_slurm_lost_is_asked_for_again(
    queue: Engine, runs: Path, cluster: Slurm
) -> None:
    a, b = asked(runs, *"ab")
    c = added(queue, "iris", "--threads", 3).name
    options = ("--slots", 2, "--minutes", 30, "--sbatch", "partition=gpu", "--sbatch", "exclusive")
    done = queue("run", "--on", "slurm", *options)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [f"{name} is job 4711_{number}" for number, name in enumerate((a, b, c))] + [
        "3 runs are with the cluster now."
    ]
    asks = {"array=0-2%2", "time=30", "cpus-per-task=3", "partition=gpu", "job-name=sweetspot"}
    assert {f"#SBATCH --{one}" for one in asks} | {"#SBATCH --exclusive"} <= set(cluster.script)
    assert any(line.startswith("#SBATCH --signal=USR2@") for line in cluster.script)
    assert any(line.startswith("srun ") and "--cpus-per-task=3" in line for line in cluster.script)
    assert f"export PYTHONSAFEPATH=1 PYTHONPATH={ROOT}" in "\n".join(cluster.script)
    assert (runs / ".queue" / "submitit").stat().st_mode & 0o777 == 0o700
    cluster.says("4711_0|PENDING|\n4711_1|CANCELLED by 7|\n4711_2|RUNNING|node7\n")
    cluster.answers(4712)
    done = queue("run", "--on", "slurm")
    assert done.stdout.splitlines() == [
        f"{a} is job 4711_0 already",
        f"{c} is job 4711_2 already",
        f"{b} is job 4712",
        "1 run is with the cluster now.",
    ]
    assert not any("--array" in line for line in cluster.script) and "#SBATCH --time=240" in cluster.script
    assert queue("run").stdout == "" and states(queue) == ["submitted"] * 3, "a worker here leaves them alone"


def test_a_cluster_that_refuses_is_quoted_in_a_sentence_and_nothing_is_lost(
    queue: Engine, runs: Path, cluster: Slurm
) -> None:
    asked(runs, "a")
    cluster.answers(0, "sbatch: error: invalid partition specified: gpus")
    done = queue("run", "--on", "slurm", "--sbatch", "partition=gpus")
    assert done.returncode == 1 and done.stdout == "" and states(queue) == ["waiting"]
    assert done.stderr == (
        "Error: The cluster took no job: sbatch: error: invalid partition specified: gpus "
        "See what it asks for: --minutes, --sbatch.\n"
    )


@pytest.mark.parametrize("after", ["stage", "link"])
def test_a_job_that_cannot_be_noted_is_taken_back_and_the_others_stand(
    runs: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    a, b, c = asked(runs, *"abc")
    one, lines = Queue(runs), list[str]()
    hand = functools.partial(hand_over, one, slurm(one, 30, None, {}), 1, None, lines.append)
    taken = Jobs.take

    def full(jobs: Jobs, name: str, job: str) -> str:
        holder = taken(jobs, name, job) if name != b or after == "link" else ""
        if name == b:
            raise OSError(errno.ENOSPC, "No space left on device", str(jobs.folder / f"{b}.json"))
        return holder

    monkeypatch.setattr(Jobs, "take", full)
    with pytest.raises(StorageError, match=rf"{b}\.json cannot be written or read: no space left"):
        hand()
    assert lines == [
        f"{a} is job 4711_0",
        f"{b} is no job: 4711_1 could not be noted and was taken back",
        f"{c} is job 4711_2",
    ]
    assert cluster.cancelled == ["4711_1"]
    monkeypatch.setattr(Jobs, "take", taken)
    cluster.says("4711_0|PENDING|\n4711_1|CANCELLED by 7|\n4711_2|PENDING|\n")
    cluster.answers(4712)
    lines.clear()
    assert hand() == 1 and lines == [f"{a} is job 4711_0 already", f"{c} is job 4711_2 already", f"{b} is job 4712"]
    assert one.jobs.holders() == {a: "4711_0", b: "4712", c: "4711_2"}


def test_a_shared_folder_that_cannot_be_read_is_named(queue: Engine, runs: Path, cluster: Slurm) -> None:
    asked(runs, "a")
    (runs / ".queue" / "submitit").write_text("in the way")
    done = queue("run", "--on", "slurm")
    assert done.returncode == 74 and f"{runs / '.queue' / 'submitit'} cannot be written or read" in done.stderr
    assert states(queue) == ["waiting"] and done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--on", "slurm"], "There is no Slurm on this machine: sbatch and srun are not found."),
        (["--on", "slurm", "--wait"], "Leave --wait out"),
        (["--minutes", "9"], "Give --on slurm beside them"),
        (["--on", "slurm", "--sbatch", "time=9"], "Use --minutes"),
        (["--on", "slurm", "--sbatch", "--signal=USR1"], "--signal of sbatch is set by the queue itself"),
        (["--on", "slurm", "--sbatch", "a b"], "'a b' is no option of sbatch"),
    ],
)
def test_what_no_cluster_can_be_asked_is_refused_in_a_sentence(
    queue: Engine, runs: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    runs.mkdir()
    monkeypatch.setenv("PATH", str(runs))
    done = queue("run", *options)
    assert done.returncode == 2 and told in done.stderr and done.stderr.count("\n") == 1, done.stderr


def test_without_the_extra_it_says_how_to_install_it(
    runs: Path, cluster: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.mkdir()
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match=re.escape("pip install submitit")):
        slurm(Queue(runs), 240, None, {})


def test_a_request_says_its_job_to_programs(queue: Engine, runs: Path) -> None:
    (name,) = asked(runs, "a")
    Queue(runs).jobs.take(name, "12")
    assert json.loads(queue("list", "--json").stdout)["requests"][0]["job"] == "12"
