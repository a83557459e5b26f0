"""Who lives, who is dead and who is somewhere else: no sleep, no clock and no copy deceives a viewer."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest

from engine.rundir.liveness import HeartbeatWatch, Liveness, process_liveness
from engine.rundir.protocol import SessionRecord
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.view import RunView, ShownState
from engine.rundir.writer import RunWriter
from tests.audio.files.test_decode import endless
from tests.conftest import SMALL
from tests.rundir.conftest import StartTrainer, open_writer, root, start_trainer, writer

__all__ = ["root", "start_trainer", "writer"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGSTOP")
HOUR = 3600.0


def rewrite(place: Path, **changes: object) -> RunReader:
    """The directory as it would be had its last session written something else."""
    reader = RunReader(place)
    session = reader.sessions()[-1].model_copy(update=changes)
    reader.layout.sessions.write_text(session.model_dump_json() + "\n")
    return reader


def wait_until(look: Callable[[], RunView], wanted: Callable[[RunView], bool], seconds: float = 120) -> RunView:
    deadline = time.monotonic() + seconds
    while not wanted(view := look()):
        assert time.monotonic() < deadline, view.state
        time.sleep(0.05)
    return view


def test_a_copy_from_a_machine_of_the_same_name_is_not_judged_by_pids_here(writer: RunWriter) -> None:
    """Pid and start are those of this very process: on the other machine they meant another one."""
    writer.state(State.RUNNING)
    reader = rewrite(writer.root, boot_id="theirs", machine_id="theirs")
    view = reader.view(HeartbeatWatch(clock=lambda: 0.0))
    assert view.session is not None and view.session.host == writer.session.host
    assert (view.state, view.liveness, view.read_only) == (ShownState.UNKNOWN, Liveness.UNKNOWN, True)


def test_a_copy_that_names_no_machine_is_not_believed_for_its_host_name(writer: RunWriter) -> None:
    writer.state(State.RUNNING)
    assert rewrite(writer.root, boot_id="theirs", machine_id="").view().state is ShownState.UNKNOWN


def test_a_machine_that_was_started_again_knows_its_run_as_crashed(root: Path) -> None:
    with open_writer(root) as opened:
        if not opened.session.machine_id:
            pytest.skip("the system numbers no machine")
        opened.state(State.RUNNING)
    view = rewrite(root, boot_id="the one before").view(HeartbeatWatch())
    assert (view.state, view.session_may_live, view.read_only) == (ShownState.CRASHED, False, False)


def test_a_host_that_got_another_name_meanwhile_is_still_this_one(writer: RunWriter) -> None:
    writer.state(State.RUNNING)
    view = rewrite(writer.root, host="laptop.fritz.box").view()
    assert (view.state, view.read_only) == (ShownState.RUNNING, False)


def test_a_clone_with_our_number_lives_as_long_as_its_heart_beats(writer: RunWriter) -> None:
    writer.state(State.RUNNING)
    reader, now = rewrite(writer.root, boot_id="theirs"), 0.0
    watch = HeartbeatWatch(clock=lambda: now)
    assert reader.view(watch).state is ShownState.CRASHED  # the first look cannot know
    wait_until(lambda: reader.view(watch), lambda view: view.state is ShownState.RUNNING)
    writer.close()
    reader.layout.status.write_text(writer.status.model_copy(update={"state": State.RUNNING}).model_dump_json())
    reader.view(watch)
    now = 10.0
    assert reader.view(watch).state is ShownState.CRASHED


@pytest.mark.parametrize("jump_s", [-HOUR, HOUR])
def test_a_clock_that_jumps_an_hour_kills_nobody_and_raises_nobody(writer: RunWriter, jump_s: float) -> None:
    """A clock that is set moves what psutil derives the start from, and every moment in the status."""
    if writer.session.process_start_ticks is None:
        pytest.skip("the system counts no ticks")
    writer.state(State.RUNNING)
    started_at, ticks = writer.session.process_started_at, writer.session.process_start_ticks
    assert rewrite(writer.root, process_started_at=started_at + jump_s).view().state is ShownState.RUNNING
    gone = rewrite(writer.root, process_started_at=started_at + jump_s, process_start_ticks=ticks - 500)
    assert gone.view().state is ShownState.CRASHED


@pytest.mark.slow
@pytest.mark.parametrize("jump_s", [HOUR, -HOUR])
def test_a_viewer_whose_clock_jumps_calls_nobody_dead(root: Path, start_trainer: StartTrainer, jump_s: float) -> None:
    """As after a night's sleep of the viewer, or of both when the trainer was stopped meanwhile."""
    trainer = start_trainer(root)
    now = 0.0
    watch = HeartbeatWatch(clock=lambda: now)
    assert RunReader(root).view(watch).state is ShownState.RUNNING
    trainer.send_signal(signal.SIGSTOP)
    now += jump_s
    for _ in range(3):
        assert RunReader(root).view(watch).state is ShownState.RUNNING
    trainer.send_signal(signal.SIGCONT)


def test_another_machine_that_sleeps_is_unknown_until_it_wakes(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    reader = rewrite(root, boot_id="theirs", machine_id="theirs", host="gpu-box")
    now = 0.0
    watch = HeartbeatWatch(clock=lambda: now)
    wait_until(lambda: reader.view(watch), lambda view: view.state is ShownState.RUNNING)
    trainer.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    reader.view(watch)
    now += HOUR
    view = reader.view(watch)
    assert (view.state, view.session_may_live) == (ShownState.UNKNOWN, True)
    trainer.send_signal(signal.SIGCONT)
    wait_until(lambda: reader.view(watch), lambda view: view.state is ShownState.RUNNING)


def test_a_pid_that_another_process_has_now_is_dead(root: Path, start_trainer: StartTrainer, tmp_path: Path) -> None:
    other = start_trainer(tmp_path / "other")
    taken = RunReader(tmp_path / "other").sessions()[-1]
    with open_writer(root) as opened:
        reused = opened.session.model_copy(update={"pid": other.pid})
    assert process_liveness(taken) is Liveness.ALIVE
    assert process_liveness(reused) is Liveness.DEAD


@pytest.mark.slow
def test_a_long_decode_is_no_death(tmp_path: Path, start: Callable[..., Popen[str]]) -> None:
    """Two hours of sound are read by the child meanwhile; the trainer's heart goes on."""
    folder = tmp_path / "sounds"
    folder.mkdir()
    for number in range(3):
        endless(folder / f"endless-{number}.wav")
    root = tmp_path / "run"
    start("train", folder, "--run-dir", root, *SMALL)
    reader = RunReader(root)

    def decoding(view: RunView) -> bool:
        return view.status is not None and view.status.phase == "decode"

    first = wait_until(reader.view, decoding)
    assert first.status is not None
    beat = first.status.heartbeat
    later = wait_until(reader.view, lambda view: view.status is not None and view.status.heartbeat >= beat + 3)
    assert decoding(later) and (later.state, later.liveness) == (ShownState.STARTING, Liveness.ALIVE)


def test_a_session_record_of_the_first_version_is_read(writer: RunWriter) -> None:
    old = writer.session.model_dump()
    del old["machine_id"]
    assert process_liveness(SessionRecord.model_validate(old)) is Liveness.ALIVE
