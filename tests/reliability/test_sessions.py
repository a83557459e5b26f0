"""Sessions of the real engine that are killed, refused by the disk, or stopped at every step: it is the same run."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import forkserver

pytestmark = pytest.mark.timeout(2400)
OneIn = Callable[[int], int]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory where there is one: a session flushes fifty times, and here it is the order that counts."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as found:
        yield Path(found)


def reports(program: str, folder: Path, *arguments: object) -> dict[str, Any]:
    """What a program beside this file found; nothing may have been wrong."""
    process = forkserver.Popen(f"tests.reliability.{program}", folder, *arguments, stdout=subprocess.PIPE)
    return found_by(process)


def reports_in_parts(program: str, folder: Path, one_in: int, *more: object) -> list[dict[str, Any]]:
    """The same of a program that is two processes where all is tried."""
    running, parts = [], 2 if one_in == 1 else 1
    for part in range(parts):
        own = folder / f"part-{part}"
        own.mkdir()
        arguments = (own, part, parts, one_in, *more)
        running.append(forkserver.Popen(f"tests.reliability.{program}", *arguments, stdout=subprocess.PIPE))
    return [found_by(process) for process in running]


def found_by(process: forkserver.Popen) -> dict[str, Any]:
    said, _ = process.communicate(timeout=2300)
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    assert not found["wrong"], "\n".join(found["wrong"][:20])
    return found


MINUTES = [pytest.param((), id="updates"), pytest.param((60,), id="minutes", marks=pytest.mark.slow)]


@pytest.mark.parametrize("minutes", MINUTES)
def test_wherever_it_dies_a_resumed_run_ends_with_the_same_bits(
    minutes: tuple[int, ...], place: Path, one_in: OneIn
) -> None:
    """At each file operation, at each of a recovery, and where the power is cut; with minutes at each of a new plan."""
    few = max(one_in(64), 4 if minutes else 1)  # of the second run one in four: most of it is the first one again
    found = reports_in_parts("crash_points", place, few, *minutes)
    assert all(report["operations"] > 150 for report in found)
    # A death at each operation, one in so many, and half as many in what recovers from two of them.
    assert sum(report["points"] for report in found) > 1.5 * found[0]["operations"] / few


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_the_same_bits(place: Path, one_in: OneIn) -> None:
    few = one_in(4)
    found = reports("sudden_kills", place, 12 // few)
    assert found["killed"] > 10 / few, "most ended before they could be killed"


def test_a_disk_that_refuses_costs_no_checkpoint_and_no_bit(place: Path, one_in: OneIn) -> None:
    few = one_in(40)
    found = reports_in_parts("storage_faults", place, few)
    for code in ("0", "74"):
        assert sum(report["ends"][code] for report in found) > 20 / few, "both ends must be met"


def test_stopped_at_every_step_of_two_epochs_it_ends_with_the_same_bits(place: Path) -> None:
    assert reports("exact_resume", place)["runs"] > 10
