"""A run directory that is renamed, removed or robbed of its lock while a process trains in it."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.errors import RunDirectoryLostError, SweetspotError
from engine.loop.checkpoint import steps_saved
from engine.process.resume_point import resume_point
from engine.rundir import control
from engine.rundir.artefacts import find_checkpoints
from engine.rundir.heart import Heart
from engine.rundir.liveness import Liveness, presence
from engine.rundir.lock import is_held
from engine.rundir.protocol import Manifest
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.view import ShownState
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.app.library import write
from tests.conftest import SMALL, until
from tests.reliability.sessions import fork
from tests.reliability.test_liveness import rewrite
from tests.rundir.conftest import StartTrainer, open_writer, root, start_trainer

__all__ = ["root", "start_trainer"]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows renames no directory with an open file in it")
RESUMERS = 3
Train = Callable[[Path], "subprocess.Popen[str]"]


@pytest.fixture
def train(drums: Path) -> Train:
    """A real training that would not end by itself, some steps old."""

    def call(root: Path) -> subprocess.Popen[str]:
        options = ["--run-dir", root, "--max-steps", "1000000", *SMALL]
        streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        process = forkserver.Popen("engine", "train", drums, *options, **streams)
        while not RunReader(root).metrics_tail(3, "step"):
            assert process.poll() is None
            time.sleep(0.02)
        return process

    return call


@pytest.mark.slow
def test_a_renamed_run_stops_with_the_reason_and_keeps_every_step(train: Train, tmp_path: Path) -> None:
    root, now = tmp_path / "runs" / "before", tmp_path / "elsewhere" / "after"
    now.parent.mkdir()
    with train(root) as process:
        root.rename(now)
        assert process.wait(120) == 74
        assert process.stderr is not None
        said = process.stderr.read()
    assert f"{root} was moved to {now} while it trained." in said and f"--resume {now}" in said
    reader = RunReader(now)
    status, point = reader.status(), resume_point(now)
    assert status is not None and status.error is not None and point is not None
    assert (status.state, status.error.kind) == (State.FAILED, "RunDirectoryLostError")
    assert point.step == status.step == reader.metrics_tail(1, "step")[0]["step"]
    assert not point.changed and not root.exists()


@pytest.mark.slow
def test_a_removed_run_stops_with_the_reason_and_writes_nothing_more(train: Train, tmp_path: Path) -> None:
    root = tmp_path / "runs" / "run"
    with train(root) as process:
        process.send_signal(signal.SIGSTOP)  # it would put back what rmtree took, or find where rename moved it
        shutil.rmtree(root)
        process.send_signal(signal.SIGCONT)
        assert process.wait(120) == 74
        assert process.stderr is not None
        said = process.stderr.read()
    assert f"The run directory {root} is gone" in said and "disk" not in said.lower()
    assert not root.exists()


def test_nothing_is_written_into_a_run_that_began_in_the_old_place(root: Path) -> None:
    with open_writer(root) as writer:
        writer.state(State.RUNNING)
        writer._heart.stop()  # a beat that began in the old place could end in the new one
        shutil.rmtree(root)
        root.mkdir()
        writer.state(State.FAILED)
        manifest = Manifest(file="step-00000001.safetensors", step=1, epoch=1, bytes=1, sha256="")
        assert not writer.write_artefact(writer.layout.checkpoint(1), b"x", manifest)
        assert isinstance(writer.hold.lost, RunDirectoryLostError) and writer.hold.lost.exit_code == 74
    assert list(root.iterdir()) == []


def test_a_run_whose_record_is_removed_has_lost_its_directory(root: Path) -> None:
    with open_writer(root) as writer:
        writer.layout.run.write_text("{}")
        writer.hold.has_record = True
        writer.hold.check()
        assert writer.hold.lost is None
        writer.layout.run.unlink()
        writer.hold.check()
        assert writer.hold.lost is not None and "was emptied" in writer.hold.lost.cause


def test_a_place_that_the_system_cannot_reach_for_a_while_is_not_lost(tmp_path: Path) -> None:
    """A path into a loop of links fails, as one on a drive that stammers does: nothing is known to be gone."""
    runs, away = tmp_path / "runs", tmp_path / "away"
    runs.mkdir()
    with open_writer(runs / "run") as writer:
        writer._heart.stop()
        runs.rename(away)
        runs.symlink_to(runs)
        writer.hold.check()
        assert writer.hold.lost is None and is_held(writer.layout.lock) is None
        assert presence(writer.root, writer.session) is Liveness.ALIVE, "and nobody takes it for a copy"
        runs.unlink()
        away.rename(runs)
        writer.hold.check()
        assert writer.hold.lost is None and is_held(writer.layout.lock) is True
        assert writer.write_preview(writer.layout.preview(1, 1, "sample", 0, "wav"), b"x")


class Renaming(threading.Event):
    """Waits for nothing and adds up what it was to wait; the directory goes right after the heart looked at it."""

    def __init__(self, writer: RunWriter, now: Path) -> None:
        super().__init__()
        self.writer, self.now, self.waited_s = writer, now, 0.0

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        if self.waited_s == 0:
            self.writer.root.rename(self.now)
        if self.writer.hold.lost is None:
            self.waited_s += timeout
        return self.writer.hold.lost is not None or self.waited_s > 60


def test_the_heart_misses_its_directory_within_a_second(root: Path, tmp_path: Path) -> None:
    with open_writer(root) as writer:
        writer._heart.stop()
        heart = Heart(writer._poll, lambda: None, lambda: None, lambda: False)
        heart._stop = waits = Renaming(writer, tmp_path / "elsewhere")
        heart._run()
        assert isinstance(writer.hold.lost, RunDirectoryLostError)
        assert 0 < waits.waited_s <= 1


@pytest.mark.parametrize("name", ["run.json", "run-1"])
def test_a_heart_beats_on_after_the_disk_failed_to_answer(
    root: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    failed: list[object] = []
    stat = os.stat

    def failing(path: object, *arguments: object, **options: object) -> os.stat_result:
        if isinstance(path, Path) and path.name == name:
            failed.append(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, *arguments, **options)  # type: ignore[arg-type]

    with open_writer(root) as writer:
        writer.layout.run.write_text("{}")
        writer.hold.has_record = True
        with monkeypatch.context() as broken:
            broken.setattr(os, "stat", failing)
            until(lambda: len(failed) > 3)
        beats = writer.status.heartbeat
        until(lambda: writer.status.heartbeat > beats + 1)
        assert writer.hold.lost is None


def test_checkpoints_whose_disk_fails_to_answer_end_no_training(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stat = os.stat

    def failing(path: object, *arguments: object, **options: object) -> os.stat_result:
        if isinstance(path, Path) and path.suffix == ".json" and path.parent.name != root.name:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, *arguments, **options)  # type: ignore[arg-type]

    with open_writer(root) as writer:
        manifest = Manifest(file="step-00000001.safetensors", step=1, epoch=1, bytes=1, sha256="")
        assert writer.write_artefact(writer.layout.checkpoint(1), b"x", manifest)
        assert steps_saved(writer.layout) == [1]
        with monkeypatch.context() as broken:
            broken.setattr(os, "stat", failing)
            assert steps_saved(writer.layout) == []
            assert [one.manifest for one in find_checkpoints(root, writer.layout.checkpoints)] == [None]


def test_a_removed_lock_lets_no_second_trainer_in(root: Path, start_trainer: StartTrainer) -> None:
    """Several try at once, again and again, while the first one makes the file anew."""
    first = start_trainer(root)
    for _ in range(3):
        until(RunReader(root).layout.lock.exists)  # it is made anew by a beat of the first one's heart
        RunReader(root).layout.lock.unlink()
        others = [start_trainer(root, "--resume", wait=False) for _ in range(RESUMERS)]
        said = [other.communicate(timeout=120)[0] for other in others]
        assert all(text.startswith("refused Another process trains this run (pid ") for text in said), said
    assert first.poll() is None and len(RunReader(root).sessions()) == 1
    deadline = time.monotonic() + 120
    while not is_held(RunReader(root).layout.lock):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert RunReader(root).view().state is ShownState.RUNNING
    sent = control.send(root, "cancel")
    assert control.wait_for(root, sent.id, "done", timeout_s=120) is not None
    assert first.wait(120) == 0


def test_who_finds_another_session_in_its_directory_leaves(root: Path, start_trainer: StartTrainer) -> None:
    """Should somebody have got past it all the same, with a lock of his own, the first one gives way."""
    with open_writer(root) as writer:
        place = writer.layout
        writer._heart.stop()
        sessions = place.sessions.read_bytes()
        place.sessions.unlink()
        place.lock.unlink()
        start_trainer(root)
        place.sessions.write_bytes(sessions + place.sessions.read_bytes())
        writer.hold.check()
        assert writer.hold.lost is not None and "taken this run over" in writer.hold.lost.cause


@pytest.mark.parametrize("moved", [False, True])
def test_who_stood_still_writes_nothing_into_a_run_that_another_session_went_on_with(
    root: Path, start_trainer: StartTrainer, moved: bool
) -> None:
    first = start_trainer(root, "--stand-still")
    forget(first, root)
    now = root.rename(root.with_name("run-2")) if moved else root
    second = start_trainer(now, "--resume", "--hold", "0.2")
    assert second.wait(120) == 0
    left = contents(now)
    first.send_signal(signal.SIGCONT)
    assert first.wait(120) == 74
    assert contents(now) == left
    assert moved is not root.exists()


def test_who_stood_still_leaves_a_run_to_the_session_that_trains_it(root: Path, start_trainer: StartTrainer) -> None:
    first = start_trainer(root, "--stand-still")
    forget(first, root)
    second = start_trainer(root, "--resume")
    first.send_signal(signal.SIGCONT)
    assert first.wait(120) == 74
    status = RunReader(root).status()
    assert status is not None and status.session == RunReader(root).sessions()[-1].session
    sent = control.send(root, "cancel")
    assert control.wait_for(root, sent.id, "done", timeout_s=120) is not None
    assert second.wait(120) == 0


@pytest.mark.slow
def test_a_training_that_stood_still_says_that_another_one_went_on_with_its_run(train: Train, tmp_path: Path) -> None:
    root = tmp_path / "runs" / "run"
    with train(root) as process:
        process.send_signal(signal.SIGSTOP)
        forget(process, root)
        second = forkserver.Popen("engine", "train", "--resume", root)
        until(lambda: len(RunReader(root).sessions()) == 2)
        control.send(root, "cancel")
        assert second.wait(120) == 0
        left = artefacts(root)
        process.send_signal(signal.SIGCONT)
        assert process.wait(120) == 74
        assert process.stderr is not None
        said = process.stderr.read()
    assert "Another process has taken this run over" in said and f"inspect {root}" in said
    assert artefacts(root) == left


def forget(stopped: subprocess.Popen[str], root: Path) -> None:
    """Let who comes now take the trainer for gone: as if stopped in another container, and its lock file removed."""
    until(lambda: psutil.Process(stopped.pid).status() == psutil.STATUS_STOPPED)
    rewrite(root, pid_namespace="pid:[1]", pid=2**22 - 1).layout.lock.unlink()


def contents(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def artefacts(root: Path) -> dict[str, bytes]:
    """Of a process that is stopped anywhere a line may be under way: not these two."""
    return {name: data for name, data in contents(root).items() if name not in ("metrics.jsonl", "status.json")}


def test_resuming_a_run_that_trains_says_so_before_anything_else(
    root: Path, engine: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    write(root, state=State.RUNNING, done=3)  # this very process has it
    result = engine("train", "--resume", root)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Another process trains this run (pid " in result.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs to become another user")
@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        (State.RUNNING, "Another process trains this run (pid "),
        (State.COMPLETED, "Ask its owner for the right"),
    ],
)
def test_another_user_is_told_the_truth(state: State, sentence: str) -> None:
    """In a place that everybody may enter, unlike those of these tests."""
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        Path(place).chmod(0o755)
        write(Path(place) / "run", state=state, done=3)

        def enter() -> int:
            os.seteuid(65534)
            try:
                open_writer(Path(place) / "run", resume=True)
            except SweetspotError as error:
                os.write(2, str(error).encode())
            return 0

        code, said = fork(enter)
    assert code == 0 and sentence in said and "Free some space" not in said, said
