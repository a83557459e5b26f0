"""Two apps and two workers on one directory of runs: what they do at once is done once, and none of it lost."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.queue.files import Queue
from engine.rundir.notes import read_notes
from engine.rundir.reader import RunReader
from engine.rundir.stars import starred_names
from engine.rundir.status import State
from engine.sharing.delete import delete_run
from engine.sharing.pack import pack
from tests import forkserver
from tests.rundir.conftest import open_writer
from tests.rundir.test_encoding import RUN

REFUSALS = (
    "does not wait any more", "was begun just now", "is over meanwhile", "goes through this queue already",
    "holds no run", "(being deleted)", "is under way",
)  # fmt: skip


def finished(root: Path) -> Path:
    with open_writer(root) as writer:
        writer.write_run(RUN)
        writer.write_preview(writer.layout.preview(1, 1, "sample", 0, "png"), b"picture")
        writer.state(State.COMPLETED)
    return root


def begin(*kinds: str, runs: Path, presses: int) -> list[forkserver.Popen]:
    """So many processes, all ready before the first one presses anything."""
    options = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    started = [
        forkserver.Popen("tests.reliability.presses", kind, runs, seed, presses, **options)
        for seed, kind in enumerate(kinds, 1)
    ]
    for one in started:
        assert one.stdout is not None and one.stdin is not None and one.stdout.readline() == "ready\n"
    for one in started:
        one.stdin.write("\n")
        one.stdin.flush()
    return started


def test_what_two_apps_and_two_workers_do_at_once_is_done_once(tmp_path: Path, one_in: Callable[[int], int]) -> None:
    runs, presses = tmp_path / "runs", 400 // one_in(5)
    finished(runs / "shared").joinpath("sounds").mkdir()
    for number in range(6):
        finished(runs / f"old-{number}")
    started = begin("app", "app", "worker", "worker", runs=runs, presses=presses)
    said = [one.communicate(timeout=500)[0] for one in started]  # the workers are asked to leave after both apps
    assert [one.returncode for one in started] == [0] * 4, "\n".join(one[-2000:] for one in said)
    told = Counter(tuple(json.loads(line)) for lines in said for line in lines.splitlines())
    # Who takes out what another has just taken out finds it out: both say so, and both are right.
    once = [line for line in told if line[0] not in ("refused", "removed")]
    assert not [line for line in once if told[line] > 1], "done twice"
    done = {what: {name for kind, name in told if kind == what} for what in {kind for kind, _ in told}}
    added, removed, trained = (done.get(what, set()) for what in ("added", "removed", "trained"))
    assert added == removed | trained and not removed & trained
    left = Queue(runs).requests()
    assert {one.id for one in left} == trained and {one.state for one in left} <= {"ended"}
    notes = read_notes(RunReader(runs / "shared").layout)
    assert {str(step) for step in notes.starred} == {str(step) for step in notes.remarks} == done["noted"]
    assert starred_names(runs / "shared" / "sounds") == done["starred"]
    assert {f"old-{number}" for number in range(6)} - done["deleted"] == {path.name for path in runs.glob("old-*")}
    assert not list(runs.glob(".deleted-*"))
    assert not [words for words in done["refused"] if not any(known in words for known in REFUSALS)]


def test_a_run_that_is_deleted_while_it_is_packed_leaves_no_half_of_it(tmp_path: Path) -> None:
    root, out = finished(tmp_path / "runs" / "one"), tmp_path / "one.zip"
    reader = RunReader(root)
    real = reader.previews

    def previews() -> list[object]:
        delete_run(root)  # as the other app does it, when half of the run is in the archive
        return list(real())

    reader.previews = previews  # type: ignore[method-assign,assignment]
    with pytest.raises(RunDirectoryError, match="was removed or moved while it was packed"):
        pack(reader, out)
    assert not out.exists() and [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_a_run_of_a_name_that_is_still_being_removed_can_be_deleted(tmp_path: Path) -> None:
    """A large run takes its time to go, and a run of its name may have been made and deleted meanwhile."""
    (tmp_path / ".deleted-one").touch()  # as little to be replaced as a folder that another app still empties
    root = finished(tmp_path / "one")
    delete_run(root)
    assert not root.exists()
