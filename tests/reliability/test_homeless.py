"""Processes without a user, a home or standard streams, as containers and services start them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.report.command import command as report
from app.start import command as app
from engine.commands.generate import command as generate
from engine.errors import ConfigError
from engine.rundir.writer import RunWriter
from engine.tasks.vae.sounds import wire
from engine.train import command as train
from tests.conftest import ROOT
from tests.sampling import later

posix = pytest.mark.skipif(sys.platform == "win32", reason="users have names there")
NOBODY = """
import os, pwd, runpy, sys
def unknown(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")
pwd.getpwuid = unknown  # as under a number that /etc/passwd does not have
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


def as_nobody(*command: object, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items()
            if name not in ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "XDG_CACHE_HOME")}  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", NOBODY, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=300,
        env={**kept, "PYTHONPATH": str(ROOT), **environment},
    )  # fmt: skip


@posix
@pytest.mark.parametrize("home", [{}, *later({"HOME": "/"})])
@pytest.mark.slow
def test_a_run_is_packed_and_reported_by_a_user_whom_the_system_does_not_know(
    home: dict[str, str], drum_run: Path, tmp_path: Path
) -> None:
    for command, out in (("pack", "run.zip"), ("report", "run.html")):
        done = as_nobody("engine", command, drum_run, "--out", tmp_path / out, **home)
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert (tmp_path / out).stat().st_size > 10_000


@pytest.mark.slow
@posix
def test_training_without_a_home_says_what_to_name(drums: Path, tmp_path: Path) -> None:
    done = as_nobody("engine.train", drums, "--run-dir", tmp_path / "run", "--max-steps", "1", SWEETSPOT_CACHE="")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "no home directory" in done.stderr and "SWEETSPOT_CACHE" in done.stderr
    kept = as_nobody("engine.train", "~nosuchuser/x", "--run-dir", tmp_path / "b", SWEETSPOT_CONFIG=str(tmp_path))
    assert kept.returncode == 2 and "~nosuchuser/x does not exist" in kept.stderr


def test_a_home_that_nobody_has_is_refused_and_no_folder_made_of_its_name(drums: Path, tmp_path: Path) -> None:
    commands: list[tuple[click.Command, list[str]]] = [
        (train, [str(drums), "--run-dir", "~nosuchuser/x"]),
        (train, [str(drums), "--runs-dir", "~nosuchuser"]),
        (generate, [str(tmp_path), "--out", "~nosuchuser"]),
        (report, [str(tmp_path), "--out", "~nosuchuser/page.html"]),
        (app, ["--runs-dir", "~nosuchuser"]),
    ]
    for command, arguments in commands:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 2 and "nobody here has that home directory. Write the path in full." in result.output
    with pytest.raises(ConfigError, match="nobody here"):
        RunWriter.open(Path("~nosuchuser"), device="cpu", threads=1, versions={})
    with pytest.raises(ConfigError, match="nobody here"):
        wire.folder("~nosuchuser/new")
    assert not Path("~nosuchuser").exists()


@posix
@pytest.mark.parametrize("closed", [*later("2>&-"), "<&- >&- 2>&-"])
@pytest.mark.slow
def test_training_goes_on_where_nobody_hears_it(closed: str, drums: Path, tmp_path: Path) -> None:
    options = "--max-steps 2 --channels 8 --batch-size 4 --threads 1 --preview-duration-s 0.5"
    command = f"{sys.executable} -m engine.train {drums} --run-dir {tmp_path / 'run'} {options} {closed}"
    assert subprocess.run(["sh", "-c", command], cwd=ROOT, timeout=300).returncode == 0
    for path in (tmp_path / "run").rglob("*.json*"):
        assert b"Error" not in path.read_bytes()


@posix
@pytest.mark.parametrize("closed", [*later("<&-", ">&-", "2>&-"), "<&- >&- 2>&-", "</dev/null >/dev/full"])
@pytest.mark.slow
def test_serving_without_its_streams_ends_quietly(closed: str, drum_run: Path) -> None:
    command = f"{sys.executable} -m engine serve {drum_run} --threads 1 {closed}"
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert "Traceback" not in done.stderr + done.stdout and done.returncode in (0, 74)
