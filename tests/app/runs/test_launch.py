"""Starting and resuming from the app's side."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.runs.launch import Launch, Launcher
from engine.process.job import new_root
from engine.rundir.status import State
from tests.conftest import ROOT

LEAVES = """
import sys, time
from pathlib import Path
from engine.process.job import new_root
from engine.rundir.status import State
from tests.app.library import write
write(Path(sys.argv[1]), state=State(sys.argv[2]), done=15)
print("said", flush=True)
time.sleep(float(sys.argv[3]))
"""


def ended(root: Path, state: State, seconds: float) -> subprocess.Popen[bytes]:
    """A process that owned the run in ``root``, said its last word, and takes ``seconds`` to leave."""
    command = [sys.executable, "-c", LEAVES, str(root), state, str(seconds)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"said\n"
    return process


@pytest.mark.slow
def test_a_run_whose_process_is_about_to_leave_is_resumed_once_it_has(tmp_path: Path) -> None:
    for name, known in (("a-stranger", False), ("its-own", True)):
        root = tmp_path / name
        launcher, process = Launcher(), ended(root, State.CANCELLED, 1.5)
        if known:
            launcher.add(Launch(root, name, process))
        launch = launcher.resume(root)
        assert launch is not None and launch.process is not process, "the press would have been lost"
        assert process.poll() is not None or not known
        launch.process.kill()
        launch.process.wait()
        process.wait()


def test_a_run_that_is_trained_is_not_resumed(tmp_path: Path) -> None:
    root = tmp_path / "run"
    process = ended(root, State.RUNNING, 60)
    assert Launcher().resume(root) is None
    process.kill()
    process.wait()


def test_a_run_that_began_and_whose_folder_was_removed_has_not_failed_to_begin(tmp_path: Path) -> None:
    root, launcher = tmp_path / "run", Launcher()
    process = ended(root, State.RUNNING, 60)
    launcher.add(Launch(root, "run", process))
    launcher.reap()
    process.kill()
    process.wait()
    shutil.rmtree(root)
    assert not launcher.pending(tmp_path)


def test_pages_look_at_the_launches_while_others_are_added(tmp_path: Path) -> None:
    """Thousands of looks beside thousands of launches: none meets a table that changes under it."""
    launcher, faults, over = Launcher(), [], threading.Event()
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()

    def look() -> None:
        while not over.is_set():
            try:
                launcher.find("run-1", tmp_path)
                launcher.pending(tmp_path / "other")
                launcher.reap()
            except RuntimeError as error:
                faults.append(error)

    tabs = [threading.Thread(target=look) for _ in range(2)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # threads take turns as often as they can
    for tab in tabs:
        tab.start()
    for number in range(3_000):
        launcher.add(Launch(tmp_path / f"run-{number}", "run", done))
    over.set()
    for tab in tabs:
        tab.join()
    sys.setswitchinterval(interval)
    assert not faults


def test_of_runs_named_alike_in_one_second_each_gets_its_own_directory(tmp_path: Path) -> None:
    made: list[Path] = []
    barrier = threading.Barrier(8)

    def make() -> None:
        barrier.wait()
        made.extend(new_root(tmp_path / "runs", "drums") for _ in range(4))

    makers = [threading.Thread(target=make) for _ in range(8)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert len(set(made)) == 32 and all(path.is_dir() and not list(path.iterdir()) for path in made)
