"""The real process on a real disk of a few megabytes that fills, and gets room again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.loop import disk_space
from engine.loop.checkpoint import load_newest
from engine.loop.disk_space import check_space
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from tests import forkserver
from tests.loop.test_trainer import line, new_trainer, open_run
from tests.reliability.sessions import damage, write_table

STEPS = 240
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
    with (disk / "log.txt").open("ab") as log:
        return forkserver.Popen("engine", "train", *arguments, stdout=log, stderr=log).wait(300)


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves ``leave`` bytes free."""
    ballast = disk / "ballast"
    ballast.unlink(missing_ok=True)
    free = int(subprocess.check_output(["stat", "-f", "-c", "%a", str(disk)])) * 4096
    with suppress(OSError), ballast.open("wb", buffering=0) as file:  # a trainer may be faster to what is left
        for _ in range(max(0, free - leave) // 4096 + (not leave)):
            file.write(b"\0" * 4096)
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


@pytest.mark.slow
def test_a_disk_that_fills_keeps_the_last_good_checkpoint_and_recovers(disk: Path, tmp_path: Path) -> None:
    """States of 8 MB, the disk full from step 60 on: nothing that is there goes, and with room it ends as it should."""
    table, root = write_table(tmp_path / "table.csv"), disk / "run"
    reader = RunReader(root)
    options = [*OPTIONS[2:], "--max-steps", STEPS, "--checkpoint-interval", "5", "--layers", "700,700"]
    with (disk / "log.txt").open("ab") as log:
        process = forkserver.Popen("engine", "train", table, "--run-dir", root, *options, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 200
        while process.poll() is None and _step(reader) < 60 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)  # else it may come to its end meanwhile
        ballast = fill(disk, 0)
        kept = {path.name for path in reader.layout.checkpoints.iterdir() if path.suffix == ".json"}
        process.send_signal(signal.SIGCONT)
        assert process.wait(200) == 74
    finally:
        process.kill()
    assert "Traceback" not in (disk / "log.txt").read_text()
    assert kept <= {path.name for path in reader.layout.checkpoints.iterdir()}, "none goes to make room"
    loaded, complaints = load_newest(reader.layout)
    assert loaded is not None and 20 <= loaded.step < STEPS and not complaints
    ballast.unlink()
    assert train(disk, "--resume", root) == 0
    loaded, complaints = load_newest(reader.layout)
    assert loaded is not None and loaded.step == STEPS and not complaints
    assert not damage(root)


def _step(reader: RunReader) -> int:
    return next((event["step"] for event in reader.metrics_tail(1, "step")), 0)


def test_previews_leave_the_next_checkpoint_its_room(disk: Path) -> None:
    fill(disk, 1_000_000)
    with open_run(disk / "run") as writer:
        assert new_trainer(line(), writer).fit() is State.COMPLETED
        assert any("nearly full: previews and snapshots are left out" in text for text in writer.status.warnings)
    reader = RunReader(disk / "run")
    loaded, _ = load_newest(reader.layout)
    assert loaded is not None and loaded.step == 40
    assert not reader.previews() and not reader.snapshots()


def test_the_sentence_says_how_much_is_needed_and_how_much_there_is(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"needs about 5000000\.0 GB on the disk of .*, and .* are free"):
        check_space(tmp_path, 5 * 10**15)
    check_space(tmp_path, 1)


def test_a_disk_that_lacks_little_is_not_said_to_have_what_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_space, "free_bytes", lambda root: 12_400_000)
    with pytest.raises(StorageError, match=r"needs about 12\.4 MB on the disk of .*, and 7 KB less are free"):
        check_space(tmp_path, 12_407_000)
