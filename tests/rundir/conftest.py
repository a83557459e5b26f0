"""Run directories and real processes that own them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.rundir.writer import RunWriter
from tests import forkserver
from tests.rundir.test_encoding import RUN

REPOSITORY = Path(__file__).resolve().parents[2]
StartTrainer = Callable[..., "subprocess.Popen[str]"]


def open_writer(root: Path, *, resume: bool = False) -> RunWriter:
    return RunWriter.open(root, device="cpu", threads=1, versions={"sweetspot": "0"}, resume=resume)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "run-1"


@pytest.fixture
def writer(root: Path) -> Iterator[RunWriter]:
    with open_writer(root) as opened:
        yield opened


@pytest.fixture
def run(root: Path) -> RunReader:
    """A run that is over."""
    with open_writer(root) as writer:
        writer.write_run(RUN)
        writer.state(State.COMPLETED)
    return RunReader(root)


@pytest.fixture
def start_trainer() -> Iterator[StartTrainer]:
    """Start tests.rundir.trainer with arguments; ``wait=True`` returns once it owns its directory or was refused."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: object, wait: bool = True) -> subprocess.Popen[str]:
        process = forkserver.Popen("tests.rundir.trainer", *arguments, stdout=subprocess.PIPE)
        started.append(process)
        if wait:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("ready")
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
