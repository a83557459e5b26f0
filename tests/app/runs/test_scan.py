"""What New run knows of a folder: found out once, by one tab, and never older than the folder is."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from app.runs.scan import _Known


def quiet(phase: str, done: int, total: int) -> None:
    pass


@pytest.fixture
def folder(drums: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(drums, tmp_path / "drums"))


def test_a_folder_that_changed_is_looked_at_again_and_one_that_did_not_is_not(folder: Path) -> None:
    known, said = _Known().of(str(folder)), []

    def report(phase: str, done: int, total: int) -> None:
        said.append(phase)

    first = known.result(str(folder), report, again=False)
    said.clear()
    assert known.result(str(folder), report, again=False) is first and not said
    shutil.copy(min(folder.iterdir()), folder / "one-more.flac")
    assert known.result(str(folder), report, again=False).usable == first.usable + 1 and said
    (folder / "one-more.flac").unlink()
    assert known.result(str(folder), report, again=False).usable == first.usable


def test_a_scan_holds_up_no_other_source_and_tells_who_waits_for_it(folder: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(folder, tmp_path / "other"))
    known, begun, go_on = _Known(), threading.Event(), threading.Event()
    said: list[tuple[str, int, int]] = []

    def slow(phase: str, done: int, total: int) -> None:
        begun.set()
        assert go_on.wait(120)

    def second_tab(phase: str, done: int, total: int) -> None:
        said.append((phase, done, total))
        go_on.set()  # it is told how far the first one is: that one may go on

    results: list[object] = []
    first = threading.Thread(
        target=lambda: results.append(known.of(str(folder)).result(str(folder), slow, again=False)), daemon=True
    )
    first.start()
    assert begun.wait(120)
    assert known.of(str(other)).result(str(other), quiet, again=False).usable
    second = known.of(str(folder)).result(str(folder), second_tab, again=True)
    first.join(120)
    assert said[0][0] == "scan" and len(results) == 1 and results[0] is second
