"""The real process on a real disk of a few megabytes that fills, and gets room again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.checkpoint import load_newest
from engine.errors import StorageError
from engine.rundir.reader import RunReader
from engine.rundir.schema import State
from engine.space import check_space
from tests.reliability.sessions import write_table

OPTIONS = ("--max-steps", "60", "--batch-size", "7", "--checkpoint-interval", "1", "--threads", "1")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    where = tmp_path / "disk"
    where.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(where)]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root on Linux")
    yield where
    subprocess.run(["umount", "-l", where], check=True)


def train(disk: Path, *arguments: object) -> int:
    """The exit code of a training whose output lies on the same disk, as when the app starts it."""
    command = [sys.executable, "-m", "engine", "train", *map(str, arguments)]
    with (disk / "log.txt").open("ab") as log:
        return subprocess.run(command, stdout=log, stderr=log, timeout=300).returncode


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves ``leave`` bytes free."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = int(subprocess.check_output(["stat", "-f", "-c", "%a", str(disk)])) * 4096
    ballast.write_bytes(b"\0" * max(0, free - leave))
    return ballast


def test_too_little_room_is_said_before_the_first_update(disk: Path, tmp_path: Path) -> None:
    table = write_table(tmp_path / "table.csv")
    ballast = fill(disk, 1_000_000)
    assert train(disk, table, *OPTIONS, "--run-dir", disk / "run") == 74
    said = (disk / "log.txt").read_text()
    assert "Training needs about" in said and "are free. Free some space" in said and "Traceback" not in said
    status = RunReader(disk / "run").status()
    assert status is not None and status.state is State.FAILED and status.step == 0
    ballast.unlink()
    assert train(disk, table, *OPTIONS, "--run-dir", disk / "run") == 0, "its directory can be used again"


def test_a_disk_that_fills_keeps_the_last_good_checkpoint_and_recovers(disk: Path, tmp_path: Path) -> None:
    table, root = write_table(tmp_path / "table.csv"), disk / "run"
    assert train(disk, table, *OPTIONS, "--layers", "900,900", "--run-dir", root) == 74, "65 MB do not fit four states"
    said = (disk / "log.txt").read_text()
    assert "Traceback" not in said
    assert train(disk, table, *OPTIONS, "--layers", "300", "--run-dir", root) == 0
    loaded, complaints = load_newest(RunReader(root).layout)
    assert loaded is not None and loaded.step == 60 and not complaints


def test_the_sentence_says_how_much_is_needed_and_how_much_there_is(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"needs about 5000000\.0 GB on the disk of .*, and .* are free"):
        check_space(tmp_path, 5 * 10**15)
    check_space(tmp_path, 1)
