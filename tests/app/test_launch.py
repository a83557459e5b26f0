"""Starting and resuming from the app's side."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from app.launch import Launch, Launcher
from engine.rundir.schema import State
from tests.conftest import ROOT

LEAVES = """
import sys, time
from pathlib import Path
from engine.rundir.schema import State
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


def test_a_run_whose_process_is_about_to_leave_is_resumed_once_it_has(tmp_path: Path) -> None:
    for name, known in (("a-stranger", False), ("its-own", True)):
        root = tmp_path / name
        launcher, process = Launcher(), ended(root, State.CANCELLED, 1.5)
        if known:
            launcher._launches[root] = Launch(root, name, process)
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
