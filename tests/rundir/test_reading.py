"""The end of a log: its tail alone is read, however long it has grown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine.rundir.reading import last_lines


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
