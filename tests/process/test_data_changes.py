"""Going on with a run whose data is gone, moved, changed, grown or smaller: each is told in its own sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from engine.errors import DataError
from engine.process.data_changes import changed_data
from engine.process.job import resumed_job, source_of
from engine.registry import datasets
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow
from tests.reliability.sessions import session, write_table

Engine = Callable[..., CompletedProcess[str]]


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


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: Engine) -> tuple[Path, Path]:
    """A run that learned the data set ``mine``, and the table behind that name."""
    monkeypatch.setenv("SWEETSPOT_CONFIG", str(tmp_path / "settings"))
    table, root = write_table(tmp_path / "table.csv"), tmp_path / "run"
    assert engine("datasets", "add", "mine", table).returncode == 0
    done = engine("train", "mine", "--run-dir", root, "--max-steps", 6, "--batch-size", 7)
    assert done.returncode == 0, done.stderr
    assert RunReader(root).require_run().source.kind == "dataset"
    return table, root


@pytest.mark.parametrize("known", [True, False], ids=["name-stays", "name-gone"])
def test_a_path_that_is_named_counts_also_where_a_data_set_was_learned_by_its_name(
    named: tuple[Path, Path], engine: Engine, tmp_path: Path, known: bool
) -> None:
    table, root = named
    moved = table.rename(tmp_path / "elsewhere.csv")
    if not known:
        assert engine("datasets", "remove", "mine").returncode == 0
        with pytest.raises(DataError, match=r"no longer in .*table\.csv.*--source PATH"):
            resumed_job(root, None)
    found = resumed_job(root, moved).source
    assert (found.kind, found.path) == ("file", str(moved))
    done = engine("train", "--resume", root, "--source", moved, "--more-epochs", 1)
    assert done.returncode == 0, done.stderr
    grown = tmp_path / "grown.csv"
    grown.write_text(moved.read_text() + "0.5,0.5,0.75\n")
    other = engine("train", "--resume", root, "--source", grown, "--more-epochs", 1)
    assert other.returncode == 2 and "changed since this run began" in other.stderr, "the fingerprint decides"
    gone = engine("train", "--resume", root, "--source", tmp_path / "nowhere.csv", "--more-epochs", 1)
    assert gone.returncode == 2 and "nowhere.csv" in gone.stderr, "never silently what has the name"


def test_a_data_set_whose_name_is_forgotten_is_found_where_it_was(
    named: tuple[Path, Path], engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table, root = named
    assert engine("datasets", "remove", "mine").returncode == 0 and "mine" not in datasets()
    (tmp_path / "here" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")  # what merely is called as the data set was is not taken for it
    assert resumed_job(root, None).source.path == str(table)
    assert source_of(root, None, ()).source.path == str(table)
    table.unlink()
    with pytest.raises(DataError, match="before --from"):
        source_of(root, None, ())
