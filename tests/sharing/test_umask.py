"""Who may read what the program writes by way of a temporary: whom the umask lets."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.registry import find_source
from engine.rundir.atomic import beside, is_temporary, replace_bytes
from engine.sharing.deterministic_zip import read_zip, write_zip

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no umask")
MASKS = (0o077, 0o027, 0o022)


@pytest.fixture
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", MASKS, indirect=True)
def test_archives_and_records_are_for_whom_the_umask_lets(tmp_path: Path, mask: int) -> None:
    write_zip(tmp_path / "run.zip", [("run/a", b"x")])
    replace_bytes(tmp_path / "report.html", b"x", durable=False)
    assert {mode(path) for path in tmp_path.iterdir()} == {0o666 & ~mask}
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("mask", MASKS[-1:], indirect=True)
def test_the_demo_in_a_cache_of_several_users_is_for_them_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mask: int
) -> None:
    """It came from a temporary directory, which is its maker's alone."""
    monkeypatch.setenv("SWEETSPOT_CACHE", str(tmp_path / "cache"))
    found = find_source("demo").source
    assert found.path is not None and mode(Path(found.path)) == 0o777 & ~mask
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.name.startswith(".demo-")] == []


def test_what_a_killed_process_of_the_same_number_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container every process may be number seven."""
    place = tmp_path / "run.zip"
    serial = int(beside(place).stem.rpartition("-")[2])
    left = tmp_path / f".staged.{os.getpid()}-{serial + 1}.tmp"
    left.symlink_to(tmp_path / "elsewhere")
    assert is_temporary(left.name)
    write_zip(place, [("a", b"x")])
    assert read_zip(place, 100) == {"a": b"x"} and not (tmp_path / "elsewhere").exists()
