"""While it trains, the machine is asked to stay awake, by a process that outlives no trainer."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from engine.process.sleep_inhibitor import kept_awake
from tests import forkserver
from tests.conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="stands in for systemd-inhibit")
HOLDS = """#!/bin/sh
echo "$@" > "$(dirname "$0")/asked"
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""
REFUSES = "#!/bin/sh\necho Failed to inhibit: Access denied >&2\nexit 1\n"
LATE = "sleep 1.5\n"  # as on a machine that has much else to do


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place in front of the PATH for a systemd-inhibit of the test's own: the real one asks for a seat."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "systemd-inhibit"


def write(program: Path, text: str) -> None:
    program.write_text(text)
    program.chmod(0o755)


@pytest.mark.parametrize("text", [HOLDS, HOLDS.replace("echo", f"{LATE}echo", 1)], ids=["at once", "late"])
def test_it_is_held_as_long_as_the_context_and_no_longer(program: Path, text: str) -> None:
    write(program, text)
    before = set(psutil.Process().children())
    with kept_awake() as name:
        assert name == "systemd-inhibit"
        assert set(psutil.Process().children()) - before
        assert "--what=idle:sleep" in program.with_name("asked").read_text()
    assert not set(psutil.Process().children()) - before


@pytest.mark.parametrize(
    "text", [REFUSES, REFUSES.replace("exit", f"{LATE}exit"), "no program at all"], ids=["at once", "late", "by itself"]
)
def test_a_system_that_refuses_is_no_failure_and_no_promise(program: Path, text: str) -> None:
    write(program, text)
    with kept_awake() as name:
        assert name is None


def test_a_system_without_a_way_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with kept_awake() as name:
        assert name is None


def test_a_killed_trainer_lets_the_machine_sleep(program: Path) -> None:
    write(program, HOLDS)
    lines = (
        "import time; from engine.process.sleep_inhibitor import kept_awake",
        "with kept_awake(): print('held', flush=True); time.sleep(60)",
    )
    argv = [sys.executable, "-c", "\n".join(lines)]
    with subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None and trainer.stdout.readline() == b"held\n"
        holders = psutil.Process(trainer.pid).children()
        trainer.kill()
    assert holders
    _, alive = psutil.wait_procs(holders, timeout=120)
    assert not alive


def test_a_run_says_that_it_keeps_the_machine_awake(program: Path, tmp_path: Path) -> None:
    from engine.rundir.reader import RunReader

    write(program, HOLDS)
    table = tmp_path / "table.csv"
    table.write_text("a,b\n" + "".join(f"{number},{2 * number}\n" for number in range(40)))
    root = tmp_path / "run"
    done = forkserver.run("engine.train", table, "--run-dir", root, "--max-steps", 3)
    assert done.returncode == 0, done.stderr
    status = RunReader(root).status()
    assert status is not None and status.kept_awake_by == "systemd-inhibit"
    assert "this computer stays awake while it trains (systemd-inhibit)" in done.stdout
