"""One run directory, one trainer: whoever races for it, exactly one wins, and a dead one keeps nobody out."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.rundir.reader import RunReader
from tests import forkserver

ROUNDS, RACERS = 200, 8
Racer = subprocess.Popen[str]


@pytest.fixture
def racers() -> Iterator[list[Racer]]:
    program, pipes = "tests.reliability.racer", {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    started = [forkserver.Popen(program, **pipes) for _ in range(RACERS)]
    for racer in started:
        assert hear(racer) == "ready"
    yield started
    for racer in started:
        racer.kill()
        racer.communicate()


def hear(racer: Racer) -> str:
    assert racer.stdout is not None
    return racer.stdout.readline().strip()


def tell(racer: Racer, line: str = "") -> None:
    assert racer.stdin is not None
    racer.stdin.write(line + "\n")
    racer.stdin.flush()


def race(racers: list[Racer], place: Path, how: str) -> list[str]:
    moment = time.time() + 0.01
    for racer in racers:
        tell(racer, f"{moment} {how} {place}")
    return [hear(racer) for racer in racers]


@pytest.mark.slow
def test_of_eight_that_race_for_a_directory_exactly_one_wins_each_time(racers: list[Racer], tmp_path: Path) -> None:
    """Fresh directories, and every other time the one before once more, as a resumed run."""
    for number in range(ROUNDS):
        place, how = tmp_path / f"run-{number // 2}", ("fresh", "resume")[number % 2]
        said = race(racers, place, how)
        assert sorted(said) == ["refused"] * (RACERS - 1) + ["won"], number
        assert len(RunReader(place).sessions()) == 1 + number % 2
        for racer in racers:
            tell(racer)
        assert {hear(racer) for racer in racers} == {"free"}


def test_a_killed_trainer_keeps_nobody_out(racers: list[Racer], tmp_path: Path) -> None:
    place = tmp_path / "run"
    winner, waiting = racers[0], racers[1]
    assert race([winner], place, "fresh") == ["won"]
    for _ in range(3):
        assert race([waiting], place, "resume") == ["refused"]
    winner.kill()
    deadline = time.monotonic() + 120
    while race([waiting], place, "resume") != ["won"]:
        assert time.monotonic() < deadline, "the lock was not let go"
