"""A run that goes for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.status import State
from engine.sharing.delete import delete_run
from tests.run_list import list_runs
from tests.rundir.conftest import StartTrainer, open_writer, root, start_trainer

__all__ = ["root", "start_trainer"]


def test_an_ended_run_goes_with_all_it_holds_and_its_neighbours_stay(root: Path) -> None:
    for place in (root, root.with_name("run-2")):
        with open_writer(place) as writer:
            writer.state(State.COMPLETED)
    Layout(root).previews.mkdir(exist_ok=True)
    delete_run(root)
    assert [reader.id for reader in list_runs(root.parent)] == ["run-2"]
    assert [path.name for path in root.parent.iterdir()] == ["run-2"]


def test_a_run_that_is_trained_stays(root: Path, start_trainer: StartTrainer) -> None:
    start_trainer(root)
    with pytest.raises(RunDirectoryError, match="Another process trains this run"):
        delete_run(root)
    assert Layout(root).status.exists()


def test_what_is_no_run_stays(tmp_path: Path, root: Path) -> None:
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    (recordings / "voice.wav").write_bytes(b"RIFF")
    with open_writer(root) as writer:
        writer.state(State.COMPLETED)
    link = tmp_path / "link"
    link.symlink_to(root)
    for place in (recordings, link, tmp_path / "missing"):
        with pytest.raises(RunDirectoryError, match="holds no run"):
            delete_run(place)
    assert (recordings / "voice.wav").exists() and Layout(root).status.exists()


def test_a_removal_that_was_cut_short_is_ended_by_the_next(root: Path) -> None:
    half = root.with_name(".deleted-run-1")
    half.mkdir(parents=True)
    (half / "left.wav").write_bytes(b"RIFF")
    with open_writer(root) as writer:
        writer.state(State.COMPLETED)
    assert [reader.id for reader in list_runs(root.parent)] == ["run-1"]
    delete_run(root)
    assert list(root.parent.iterdir()) == []
