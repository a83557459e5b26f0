"""The end of a log: its tail alone is read, however long it has grown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader, run_names
from engine.rundir.reading import last_lines
from tests.rundir.conftest import open_writer


def test_of_a_log_that_grew_for_ever_the_tail_alone_is_read(tmp_path: Path) -> None:
    log = tmp_path / "worker.txt"
    log.touch()
    os.truncate(log, 1 << 36)  # 64 GB, all of them a hole
    with log.open("ab") as file:
        file.write("\nfirst\n\n10 %\r20 %\nläst\n".encode())
    assert last_lines(log)[1:] == ["first", "20 %", "läst"]


@pytest.mark.parametrize("kind", ["none", "folder"])
def test_what_is_no_log_has_no_lines(tmp_path: Path, kind: str) -> None:
    log = tmp_path / "worker.txt"
    if kind == "folder":
        log.mkdir()
    assert last_lines(log) == []


STRANGE = {
    "nowhere": "x" * 300,
    "itself": "link",
}  # the system refuses to look at what the one leads to, ends the other


@pytest.mark.parametrize("target", STRANGE.values(), ids=STRANGE)
def test_a_link_that_cannot_be_followed_hides_no_run_beside_it(run: RunReader, target: str) -> None:
    link = run.root.with_name("link")
    link.symlink_to(target)
    assert run_names(run.root.parent) == [run.id]
    with pytest.raises(RunDirectoryError):
        RunReader(link).view()
        RunReader(link).require_run()
    with pytest.raises(RunDirectoryError):
        open_writer(link)


@pytest.mark.parametrize("target", STRANGE.values(), ids=STRANGE)
@pytest.mark.parametrize("name", ["previews", "snapshots", "checkpoints"])
def test_a_link_that_cannot_be_followed_hides_nothing_else_of_its_run(run: RunReader, name: str, target: str) -> None:
    place: Path = getattr(Layout(run.root), name)
    if place.is_dir():
        place.rmdir()
    place.symlink_to(name if target == "link" else target)
    assert run.view().state.value == "completed"
    assert run.previews() == run.snapshots() == run.checkpoints() == run.saved_states() == []
