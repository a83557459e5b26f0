"""A run that lives in another directory, or in another container: what can be known is said, and nothing else."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.rundir import control
from engine.rundir.liveness import HeartbeatWatch, Liveness, refuse_living
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState
from tests.conftest import ROOT
from tests.reliability.test_liveness import rewrite, wait_until
from tests.rundir.conftest import StartTrainer, root, start_trainer

__all__ = ["root", "start_trainer"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP")
UNSHARE = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]


@pytest.fixture
def contained(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A trainer in a namespace of pids of its own; what is killed is ``unshare``, which takes it along."""
    if shutil.which("unshare") is None or subprocess.run([*UNSHARE, "true"], capture_output=True).returncode:
        pytest.skip("no right to make a namespace of pids")
    command = [*UNSHARE, sys.executable, "-m", "tests.rundir.trainer", str(root)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline().startswith("ready")
        yield process
        process.kill()


@pytest.mark.parametrize("with_lock", [True, False])
def test_a_copy_of_a_live_run_does_not_run(
    root: Path, start_trainer: StartTrainer, tmp_path: Path, with_lock: bool
) -> None:
    start_trainer(root)
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    if not with_lock:
        RunReader(copy).layout.lock.unlink()
    view = RunReader(copy).view(HeartbeatWatch())
    assert (view.state, view.liveness, view.session_may_live) == (ShownState.UNKNOWN, Liveness.COPIED, False)
    assert "copy" in view.doubt and not view.resumable
    with pytest.raises(RunDirectoryError, match="copy of a run whose process trains in another directory"):
        control.send(copy, "cancel")
    assert RunReader(root).view().state is ShownState.RUNNING


def test_a_renamed_run_that_ended_is_no_copy(root: Path, start_trainer: StartTrainer, tmp_path: Path) -> None:
    trainer = start_trainer(root)
    trainer.kill()
    trainer.wait()
    moved = root.rename(tmp_path / "renamed")
    assert RunReader(moved).view().state is ShownState.CRASHED


@pytest.mark.slow
def test_a_cancel_put_into_a_copy_from_another_machine_is_not_waited_for(
    root: Path, start_trainer: StartTrainer, tmp_path: Path
) -> None:
    start_trainer(root)
    shutil.copytree(root, tmp_path / "copy")
    rewrite(tmp_path / "copy", boot_id="theirs", machine_id="theirs")
    sent = control.send(tmp_path / "copy", "cancel")
    assert control.wait_for(tmp_path / "copy", sent.id, timeout_s=6000) is None  # the test's own time is shorter


def test_a_run_in_another_container_is_seen_by_its_lock(root: Path, contained: subprocess.Popen[str]) -> None:
    reader = RunReader(root)
    view = reader.view()
    assert (view.state, view.read_only, view.session_may_live) == (ShownState.RUNNING, False, True)
    sent = control.send(root, "save_now")
    assert control.wait_for(root, sent.id, "done", timeout_s=120) is not None
    contained.kill()
    contained.wait()
    wait_until(reader.view, lambda view: view.state is ShownState.CRASHED)


def test_where_the_lock_cannot_be_asked_another_container_is_unknown(root: Path, start_trainer: StartTrainer) -> None:
    """Its pid is that of another process here, or of none: neither is a word about it."""
    trainer = start_trainer(root)
    trainer.send_signal(signal.SIGSTOP)  # or it would make its lock file anew
    reader = rewrite(root, pid_namespace="pid:[1]", pid=2**22 - 1)
    reader.layout.lock.unlink()
    now = 0.0
    watch = HeartbeatWatch(clock=lambda: now)
    view = reader.view(watch)
    assert (view.state, view.session_may_live, view.resumable) == (ShownState.UNKNOWN, True, False)
    assert "another container" in view.doubt
    trainer.send_signal(signal.SIGCONT)
    wait_until(lambda: reader.view(watch), lambda view: view.state is ShownState.RUNNING)


def test_who_would_resume_a_run_of_another_machine_listens_for_its_heart(
    root: Path, start_trainer: StartTrainer
) -> None:
    """A drive between two machines may share no locks."""
    trainer = start_trainer(root)
    place = rewrite(root, boot_id="theirs", machine_id="theirs").layout
    with pytest.raises(RunDirectoryError, match="Another process trains this run"):
        refuse_living(place)
    trainer.kill()
    trainer.wait()
    refuse_living(place)
