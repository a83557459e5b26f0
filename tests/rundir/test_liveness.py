"""A run's process is alive, dead, or somewhere else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.rundir import control
from engine.rundir.liveness import HeartbeatWatch, Liveness, process_liveness
from engine.rundir.protocol import SessionRecord
from engine.rundir.reader import RunReader
from engine.rundir.view import ShownState
from engine.rundir.writer import RunWriter
from engine.sharing.delete import delete_run
from tests.conftest import ROOT, until
from tests.rundir.conftest import StartTrainer, open_writer


def test_a_training_process_is_alive_and_its_run_is_running(root: Path, start_trainer: StartTrainer) -> None:
    start_trainer(root)
    view = RunReader(root).view()
    assert (view.liveness, view.state, view.session_may_live) == (Liveness.ALIVE, ShownState.RUNNING, True)


def test_a_killed_process_is_dead_before_its_parent_has_looked(root: Path) -> None:
    command = [sys.executable, "-m", "tests.rundir.trainer", str(root)]  # this test must be its parent
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None and trainer.stdout.readline().startswith("ready")
        trainer.kill()
        os.waitid(os.P_PID, trainer.pid, os.WEXITED | os.WNOWAIT)  # dead, and still a zombie
        assert Path(f"/proc/{trainer.pid}").exists() or sys.platform != "linux"
        view = RunReader(root).view()
        assert (view.liveness, view.state, view.session_may_live) == (Liveness.DEAD, ShownState.CRASHED, False)


def test_a_stopped_process_is_alive(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    trainer.send_signal(signal.SIGSTOP)
    assert RunReader(root).view().state is ShownState.RUNNING


@pytest.mark.parametrize("with_ticks", [True, False])
def test_a_pid_used_again_is_another_process(writer: RunWriter, with_ticks: bool) -> None:
    """The pid of this process, recorded with the start of one that ended a minute earlier."""
    ticks = writer.session.process_start_ticks
    earlier = {
        "process_started_at": writer.session.process_started_at - 60,
        "process_start_ticks": ticks - 6000 if ticks is not None and with_ticks else None,
    }
    assert process_liveness(writer.session) is Liveness.ALIVE
    assert process_liveness(writer.session.model_copy(update=earlier)) is Liveness.DEAD


def test_a_clock_that_was_set_kills_nobody(writer: RunWriter) -> None:
    if writer.session.process_start_ticks is None:
        pytest.skip("the system counts no ticks")
    shifted = writer.session.model_copy(update={"process_started_at": writer.session.process_started_at - 3600})
    assert process_liveness(shifted) is Liveness.ALIVE


def test_a_process_of_an_earlier_boot_is_dead(writer: RunWriter) -> None:
    if not writer.session.boot_id:
        pytest.skip("the system names no boot")
    assert process_liveness(writer.session.model_copy(update={"boot_id": "other"})) is Liveness.DEAD


@pytest.mark.parametrize("pid", [-1, 0, 2**22 + 1, 2**40])
def test_a_pid_that_cannot_be_is_dead(writer: RunWriter, pid: int) -> None:
    assert process_liveness(writer.session.model_copy(update={"pid": pid})) is Liveness.DEAD


def move_to_another_host(root: Path, session: SessionRecord) -> None:
    moved = session.model_copy(update={"host": "somewhere-else", "boot_id": "theirs", "machine_id": "theirs"})
    (root / "sessions.jsonl").write_text(moved.model_dump_json() + "\n")


def test_from_another_host_only_a_moving_heartbeat_says_alive(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    reader = RunReader(root)
    move_to_another_host(root, reader.sessions()[0])
    assert reader.view().state is ShownState.UNKNOWN
    now = 0.0
    watch = HeartbeatWatch(clock=lambda: now)
    assert reader.view(watch).state is ShownState.UNKNOWN
    until(lambda: reader.view(watch).state is ShownState.RUNNING)
    assert not reader.view(watch).read_only
    trainer.kill()
    trainer.wait()
    reader.view(watch)
    now = 10.0
    view = reader.view(watch)
    assert (view.state, view.read_only, view.session_may_live) == (ShownState.UNKNOWN, True, True)


def test_a_run_that_ended_is_shown_so_on_every_host(root: Path, start_trainer: StartTrainer) -> None:
    assert start_trainer(root, "--hold", 0.2).wait(timeout=120) == 0
    reader = RunReader(root)
    assert reader.view().state is ShownState.COMPLETED
    move_to_another_host(root, reader.sessions()[0])
    assert reader.view().state is ShownState.COMPLETED


def test_a_process_that_ends_while_one_looks_is_not_called_crashed(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root, "--hold", 1.0)

    class SlowReader(RunReader):
        def sessions(self) -> list[SessionRecord]:
            """Read after the status, and only once the process has ended well."""
            assert trainer.wait(timeout=120) == 0
            return super().sessions()

    assert SlowReader(root).view().state is ShownState.COMPLETED


def test_looking_costs_no_torch() -> None:
    program = (
        "import sys, engine.rundir.reader, engine.rundir.control, engine.rundir.writer\n"
        "import engine.commands.control, engine.commands.inspect\nassert 'torch' not in sys.modules\n"
        "assert 'numpy' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).resolve().parents[2], check=True)


def test_a_run_whose_sessions_cannot_be_read_still_trains_and_obeys(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    reader = RunReader(root)
    reader.layout.sessions.unlink()
    reader.layout.sessions.mkdir()
    view = reader.view()
    assert (view.state, view.liveness) == (ShownState.RUNNING, Liveness.ALIVE) and view.session_may_live
    with pytest.raises(RunDirectoryError, match="Another process trains this run"):
        delete_run(root)
    with pytest.raises(RunDirectoryError, match="Another process trains this run"):
        open_writer(root, resume=True)
    command = control.send(root, "cancel")
    answer = control.wait_for(root, command.id, "done", 120)
    assert answer is not None and answer.result == "done" and trainer.wait(120) == 0
    assert reader.view().state is ShownState.CANCELLED
