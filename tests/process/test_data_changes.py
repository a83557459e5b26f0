"""Going on with a run whose data is gone, moved, changed, grown or smaller: each is told in its own sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DataError
from engine.process.data_changes import changed_data
from engine.process.job import resumed_job
from engine.rundir.layout import Layout
from engine.rundir.record import FileRow
from tests.reliability.sessions import session, write_table


def row(path: str, **facts: object) -> FileRow:
    return FileRow.model_validate({"path": path, "verdict": "used", "duration_s": 1.0, **facts})


@pytest.mark.parametrize(
    ("now", "fact"),
    [
        (["a", "b", "c", "d"], "has grown since this run began: 2 files (c, d) came."),
        (["a"], "is gone since this run began: 1 file (b)."),
        (["a", "c"], "has changed since this run began: 1 file (c) came, 1 file (b) went."),
        (["a", "b"], "has changed since this run began: the content of a file is another."),
    ],
)
def test_what_became_of_the_data_is_said(now: list[str], fact: str) -> None:
    error = changed_data([row("a"), row("b")], [row(path) for path in now])
    assert fact in error.cause and "start a new run" in error.remedy


def test_an_edited_file_is_named() -> None:
    error = changed_data([row("a"), row("b")], [row("a"), row("b", duration_s=2.0)])
    assert "has changed since this run began: 1 file (b) changed." in error.cause


def test_a_file_that_was_never_used_does_not_count() -> None:
    skipped = row("c", verdict="skipped")
    assert "another" in changed_data([row("a"), skipped], [row("a")]).cause


def test_data_that_is_gone_says_how_to_name_its_new_place(tmp_path: Path) -> None:
    table, root = write_table(tmp_path / "table.csv"), tmp_path / "run"
    assert session(table, root, stop_at=2) == 143
    moved = table.rename(tmp_path / "elsewhere.csv")
    with pytest.raises(DataError, match=r"no longer in .*--source PATH"):
        resumed_job(root, None)
    assert resumed_job(root, moved).source.path == str(moved)
    moved.write_text(moved.read_text().replace("0.", "1.", 1))
    moved.rename(table)
    assert session(table, root) == 2, "an edited table is another"
    assert not Layout(root).checkpoint(12).exists()
