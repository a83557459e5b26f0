"""Lost checkpoints: what was learnt is not begun over, and a complete run stays so. A stranger's is not trained."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.loop.checkpoint import steps_saved
from engine.process.resume_point import refuse_packed, resume_point
from engine.rundir.artefacts import manifest_of, write_artefact
from engine.rundir.layout import Layout, manifest
from engine.rundir.reader import RunReader
from engine.rundir.status import State
from engine.sharing.unpack import take_in
from tests import forkserver
from tests.bits import flip
from tests.reliability.sessions import session, write_table


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run that was stopped in its second epoch, and one that is complete."""
    folder = tmp_path_factory.mktemp("lost")
    table = write_table(folder / "table.csv")
    assert session(table, folder / "stopped", stop_at=9) == 143
    assert session(table, folder / "complete") == 0
    return folder


@pytest.fixture
def stopped(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "stopped", tmp_path / "run"))


@pytest.fixture
def complete(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained / "complete", tmp_path / "run"))


def steps(root: Path) -> list[Path]:
    layout = Layout(root)
    return [layout.checkpoint(step) for step in steps_saved(layout)]


def damage(root: Path) -> None:
    for path in steps(root):
        flip(path, path.stat().st_size // 2)


def remove(root: Path) -> None:
    for path in steps(root):
        path.unlink()
        manifest(path).unlink()


def remove_and_forget(root: Path) -> None:
    remove(root)
    Layout(root).status.unlink()


def content(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def refused(root: Path, *options: object) -> str:
    """What is said, with exit code 2 and nothing written."""
    before = content(root)
    done = resumed(root, *options)
    assert done.returncode == 2 and not done.stdout, done
    assert content(root) == before
    return done.stderr


def best_epoch(root: Path) -> int:
    best = manifest_of(Layout(root).best)
    assert best is not None and best.epoch > 0
    return best.epoch


def resumed(root: Path, *options: object) -> subprocess.CompletedProcess[str]:
    return forkserver.run("engine.train", "--resume", root, *options)


@pytest.mark.parametrize(
    ("lose", "why"),
    [(damage, "step-00000009.safetensors"), (remove, "those it saved are gone"), (remove_and_forget, "those it saved")],
)
def test_what_was_learnt_is_not_begun_over(lose: Callable[[Path], None], why: str, stopped: Path) -> None:
    lose(stopped)
    said = refused(stopped)
    assert f"No checkpoint of {stopped} can be gone on from: " in said and why in said
    assert said.endswith(f"can begin a new run: sweetspot train --from {stopped}\n")
    assert f"Its best state, of epoch {best_epoch(stopped)}," in said


def test_what_is_recommended_in_place_of_it_begins_a_run(stopped: Path, tmp_path: Path) -> None:
    damage(stopped)
    Layout(stopped).best.unlink()
    said = refused(stopped)
    epoch = max(one.epoch for one in RunReader(stopped).saved_states() if one.name not in ("best", "last"))
    assert f"Its weights of epoch {epoch} can begin a new run" in said
    words = said.rpartition("sweetspot train ")[2].split()
    assert words == ["--from", str(stopped), "--checkpoint", f"epoch-{epoch}"]
    done = forkserver.run("engine.train", *words, "--run-dir", tmp_path / "new", "--max-steps", 3)
    assert done.returncode == 0, done.stderr


def test_where_nothing_is_left_a_new_run_is_the_way(stopped: Path) -> None:
    shutil.rmtree(stopped / "checkpoints")
    shutil.rmtree(stopped / "snapshots")
    assert "those it saved are gone. Start a new run" in refused(stopped)


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(stopped: Path) -> None:
    """Its best state is written just before the first checkpoint; a half of that is none."""
    layout, (newest, *_) = Layout(stopped), steps(stopped)
    half = newest.read_bytes()
    remove(stopped)
    newest.write_bytes(half)
    status = json.loads(layout.status.read_bytes())
    layout.status.write_text(json.dumps(status | {"last_checkpoint": None}))
    lines = [line for line in layout.metrics.read_text().splitlines(keepends=True) if '"checkpoint"' not in line[:30]]
    assert len(lines) < len(layout.metrics.read_text().splitlines())
    layout.metrics.write_text("".join(lines))
    point = resume_point(stopped)
    assert layout.best.exists() and point is not None and point.file is None
    assert "Nothing of it was saved yet" in refused(stopped, "--more-epochs", 1)
    done = resumed(stopped)
    assert done.returncode == 0 and "begins at step 1 of 12" in done.stdout


def test_a_checkpoint_that_cannot_be_understood_costs_nothing_else(stopped: Path) -> None:
    """It matches its manifest, so that only who parses it knows."""
    for path in steps(stopped):
        known = manifest_of(path)
        assert known is not None
        digest = hashlib.sha256(b"weights").hexdigest()
        described = known.model_copy(update={"bytes": 7, "sha256": digest})
        write_artefact(path, b"weights", described, durable=False)
    before = {path: data for path, data in content(stopped).items() if path.suffix == ".safetensors"}
    done = resumed(stopped)
    assert done.returncode == 2 and f"best state, of epoch {best_epoch(stopped)}, can begin a new run" in done.stderr
    assert {path: data for path, data in content(stopped).items() if path.suffix == ".safetensors"} == before


@pytest.mark.parametrize("lose", [damage, remove])
def test_a_complete_run_stays_complete_and_is_recommended_what_can_be_done(
    lose: Callable[[Path], None], complete: Path
) -> None:
    assert resumed(complete).stdout.endswith("Train it longer with --more-epochs N.\n")
    lose(complete)
    assert f"sweetspot train --from {complete}" in refused(complete, "--more-epochs", 1)
    done = resumed(complete)
    assert done.returncode == 0 and "is complete: all 12 steps are done. No checkpoint of" in done.stdout
    assert f"sweetspot train --from {complete}" in done.stdout and "--more-epochs" not in done.stdout
    status = RunReader(complete).status()
    assert status is not None and status.state is State.COMPLETED


@pytest.mark.parametrize("name", ["stopped", "complete"])
def test_a_run_that_was_taken_in_is_never_trained(name: str, trained: Path, tmp_path: Path) -> None:
    root = take_in(trained / name, tmp_path / "runs").root
    for options in ((), ("--more-epochs", 1), ("--source", trained / "table.csv")):
        said = refused(root, *options)
        assert "comes from another computer" in said and f"sweetspot train SOURCE --from {root}" in said
    assert RunReader(root).view().read_only
    command = ("engine.train", trained / "table.csv", "--from", root, "--run-dir", tmp_path / "new")
    done = forkserver.run(*command, "--max-steps", 3)
    assert done.returncode == 0, done.stderr


def test_a_stranger_that_does_not_say_who_trained_it_is_not_trained_either(
    trained: Path, stopped: Path, tmp_path: Path
) -> None:
    Layout(stopped).sessions.write_text("{")
    root = take_in(stopped, tmp_path / "runs").root
    assert "comes from another computer" in refused(root, "--source", trained / "table.csv")
    assert RunReader(root).view().read_only


def test_a_run_that_was_copied_from_another_machine_goes_on(stopped: Path) -> None:
    sessions = Layout(stopped).sessions
    one = json.loads(sessions.read_text())
    sessions.write_text(json.dumps(one | {"host": "another", "boot_id": "another", "machine_id": "another"}) + "\n")
    refuse_packed(stopped)
    assert "it ran on another machine" in str(resume_point(stopped))


def test_the_page_says_the_same(stopped: Path) -> None:
    damage(stopped)
    with pytest.raises(RunDirectoryError, match="can be gone on from") as found:
        resume_point(stopped)
    assert f"{found.value}\n" in refused(stopped)
