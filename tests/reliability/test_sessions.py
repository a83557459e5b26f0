"""Sessions of the real engine that are killed, refused by the disk, or stopped at every step: it is the same run."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import forkserver

pytestmark = pytest.mark.timeout(2400)
PARTS = 2


def reports(program: str, folder: Path, parts: int = PARTS) -> list[dict[str, Any]]:
    """What ``parts`` processes of a program beside this file found, each its share; nothing may have been wrong."""
    running = []
    for part in range(parts):
        place = folder / f"part-{part}"
        place.mkdir()
        running.append(forkserver.Popen(f"tests.reliability.{program}", place, part, parts, stdout=subprocess.PIPE))
    said = [process.communicate(timeout=2300)[0] for process in running]
    found = [json.loads(text.splitlines()[-1]) for text in said]
    wrong = [complaint for report in found for complaint in report["wrong"]]
    assert not wrong, "\n".join(wrong[:20])
    return found


def test_wherever_it_dies_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    """At each file operation, at each of a recovery, and where the power is cut."""
    found = reports("crash_points", tmp_path)
    assert all(report["operations"] > 150 for report in found)
    assert sum(report["points"] for report in found) > 2 * found[0]["operations"]


def test_killed_at_random_moments_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    (found,) = reports("sudden_kills", tmp_path, parts=1)
    assert found["killed"] > 10, "most ended before they could be killed"


def test_a_disk_that_refuses_costs_no_checkpoint_and_no_bit(tmp_path: Path) -> None:
    found = reports("storage_faults", tmp_path)
    for code in ("0", "74"):
        assert sum(report["ends"][code] for report in found) > 20, "both ends must be met"


def test_stopped_at_every_step_of_two_epochs_it_ends_with_the_same_bits(tmp_path: Path) -> None:
    (found,) = reports("exact_resume", tmp_path, parts=1)
    assert found["runs"] > 10
