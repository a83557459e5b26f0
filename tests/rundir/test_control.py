"""Commands reach the session they name, once, and are answered."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError, StorageError
from engine.rundir import control
from engine.rundir.control import Inbox
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests.conftest import until
from tests.rundir.conftest import REPOSITORY, StartTrainer, open_writer


@pytest.mark.slow
def test_of_the_commands_of_four_processes_none_is_lost_and_none_obeyed_twice(
    root: Path, start_trainer: StartTrainer
) -> None:
    start_trainer(root)
    program = (
        "import sys\nfrom pathlib import Path\nfrom engine.rundir import control\n"
        "for _ in range(150): print(control.send(Path(sys.argv[1]), 'save_now').id)\n"
    )
    argv = [sys.executable, "-c", program, str(root)]
    viewers = [subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    sent = [line for viewer in viewers for line in viewer.communicate()[0].split()]
    assert len(set(sent)) == 600
    assert control.wait_for(root, control.send(root, "save_now").id, "done") is not None  # so all before it are
    said = [event for event in RunReader(root).events().events if event["event"] == "control"]
    said = [event for event in said if event["id"] in set(sent)]
    for result in ("acknowledged", "done"):
        assert sorted(event["id"] for event in said if event["result"] == result) == sorted(sent)


def test_a_cancel_is_acknowledged_before_it_is_done(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    sent = control.send(root, "cancel")
    answer = control.wait_for(root, sent.id)
    assert answer is not None
    done = control.wait_for(root, sent.id, "done")
    assert done is not None
    assert trainer.wait(timeout=120) == 0
    said = [event["result"] for event in RunReader(root).events().events if event["event"] == "control"]
    assert said == ["acknowledged", "done"]
    status = RunReader(root).status()
    assert status is not None
    assert status.state is State.CANCELLED
    assert [(one.id, one.result) for one in status.commands] == [(sent.id, "done")]


def test_a_command_for_an_earlier_session_stops_no_resumed_run(root: Path) -> None:
    with open_writer(root) as writer:
        old = writer.session.session
    control.send(root, "cancel", session=old)
    with open_writer(root, resume=True) as writer:
        control.send(root, "cancel", session=old)
        save = control.send(root, "save_now")
        assert control.wait_for(root, save.id) is not None
        assert not writer.control.cancel
        assert [command.id for command in writer.control.take_saves()] == [save.id]
        assert writer.control.take_saves() == []


def test_a_command_sent_as_soon_as_the_session_is_known_is_heard(root: Path, start_trainer: StartTrainer) -> None:
    start_trainer(root, wait=False)
    reader = RunReader(root)
    while not reader.sessions():
        time.sleep(0.0005)
    sent = control.send(root, "cancel")
    assert control.wait_for(root, sent.id) is not None


def test_a_damaged_line_is_skipped_and_an_unknown_word_refused(writer: RunWriter) -> None:
    strange = {"id": "x", "command": "dance", "issued_at": 1.0, "session": writer.session.session}
    with writer.layout.control.open("ab") as file:
        file.write(b'\n{"id": "half\n\xff\n[]\n' + json.dumps(strange).encode() + b'\n{"torn')
    refused = control.wait_for(writer.root, "x")
    assert refused is not None
    assert (refused.result, refused.command) == ("refused", "dance")
    sent = control.send(writer.root, "save_now")  # begins with a newline, so the torn line costs only itself
    assert control.wait_for(writer.root, sent.id) is not None


def test_long_and_shapeless_commands_leave_the_status_readable(writer: RunWriter) -> None:
    strange = [{"id": f"{number}{'i' * 100_000}", "command": "x" * 900_000} for number in range(6)]
    strange += [{"id": "long", "command": "cancel" * 150_000}, {"id": "i" * 900_000, "command": "cancel"}]
    strange += [{"id": "shapeless", "command": {"a": [1]}}]
    lines = [json.dumps({**one, "issued_at": 1.0, "session": writer.session.session}) for one in strange]
    with writer.layout.control.open("a") as file:
        file.write("\n".join(["", *lines, ""]))
    answer = control.wait_for(writer.root, "shapeless")
    assert answer is not None
    assert (answer.result, answer.command) == ("refused", "")
    writer.state(State.RUNNING)
    status = RunReader(writer.root).status()
    assert status is not None
    assert [one.result for one in status.commands] == ["refused"] * len(strange)
    assert not writer.control.cancel
    assert writer.layout.status.stat().st_size < 10_000
    assert writer.layout.metrics.stat().st_size < 10_000


@pytest.mark.parametrize("garbage", [b"0\n" * 512, b"x" * 1024])
def test_three_hundred_megabytes_of_garbage_hold_a_cancel_up_for_a_few_looks(root: Path, garbage: bytes) -> None:
    """Counted in polls, of which there are four a second: 300 of them would be more than anybody waits."""
    place = Layout(root)
    root.mkdir()
    place.control.write_bytes(b"")
    inbox = Inbox(place.control, "mine")
    with place.control.open("ab") as file:
        while file.tell() < 300 << 20:
            file.write(garbage * 1024)
    control.send(root, "cancel", session="mine")
    arrivals = [arrival for _ in range(8) for arrival in inbox.poll()]
    assert [arrival.name for arrival in arrivals] == ["cancel"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes of this kind are POSIX")
def test_a_pipe_in_place_of_the_commands_stops_no_heart_and_loses_no_later_command(writer: RunWriter) -> None:
    place = writer.layout.control
    first = control.send(writer.root, "save_now")
    assert control.wait_for(writer.root, first.id) is not None
    place.unlink()
    os.mkfifo(place)
    with pytest.raises(StorageError, match=r"it is no regular file\. Remove it and say it again"):
        control.send(writer.root, "cancel")
    before = RunReader(writer.root).status()
    assert before is not None
    until(lambda: RunReader(writer.root).status().heartbeat >= before.heartbeat + 2)  # the heart does not stand still
    place.unlink()
    cancel = control.send(writer.root, "cancel")
    assert control.wait_for(writer.root, cancel.id) is not None
    assert writer.control.cancel


def test_the_same_word_in_a_file_made_anew_is_another_command(root: Path) -> None:
    root.mkdir()
    inbox = Inbox(Layout(root).control, "mine")
    found = []
    for _ in range(3):
        sent = control.send(root, "cancel", session="mine")
        found.append([arrival.id for arrival in inbox.poll()] == [sent.id])
        Layout(root).control.unlink()
        assert inbox.poll() == []
    assert all(found)


def test_a_command_called_as_no_number_is_called_is_obeyed(root: Path) -> None:
    root.mkdir()
    inbox = Inbox(Layout(root).control, "mine")
    said = {"id": "NaN", "command": "save_now", "issued_at": 1.0, "session": "mine"}
    Layout(root).control.write_text(json.dumps(said) + "\n")
    assert [arrival.id for arrival in inbox.poll()] == ["NaN"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="links that everybody may make are POSIX")
def test_a_link_put_in_place_of_the_lock_is_not_written_through(writer: RunWriter, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not to be touched")
    writer.layout.lock.unlink()
    writer.layout.lock.symlink_to(secret)
    writer.hold.check()
    assert secret.read_text() == "not to be touched"
    assert writer.hold.lost is None


def test_the_same_id_twice_is_one_command(writer: RunWriter) -> None:
    sent = control.send(writer.root, "save_now")
    line = writer.layout.control.read_bytes()
    with writer.layout.control.open("ab") as file:
        file.write(line * 3)
    other = control.send(writer.root, "save_now")
    assert control.wait_for(writer.root, other.id) is not None
    assert [command.id for command in writer.control.take_saves()] == [sent.id, other.id]


def test_what_is_not_obeyed_when_training_ends_is_refused(root: Path) -> None:
    with open_writer(root):
        sent = control.send(root, "save_now")
    answer = control.wait_for(root, sent.id, "done", timeout_s=1)
    assert answer is not None
    assert (answer.result, answer.reason) == ("refused", "training ended first")


def test_nobody_to_command_is_said_at_once(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    trainer.kill()
    trainer.wait()
    with pytest.raises(RunDirectoryError, match=r"No process trains run-1 \(it is crashed\)"):
        control.send(root, "cancel")


def test_waiting_ends_when_the_process_dies(root: Path, start_trainer: StartTrainer) -> None:
    trainer = start_trainer(root)
    trainer.send_signal(signal.SIGSTOP)
    sent = control.send(root, "cancel")
    assert control.wait_for(root, sent.id, timeout_s=0.5) is None  # stopped, but alive
    trainer.kill()
    trainer.wait()
    assert control.wait_for(root, sent.id, timeout_s=500) is None
