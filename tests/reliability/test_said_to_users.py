"""Whatever a user meets, it is a sentence with a cause and a next action; no page and no command shows a traceback."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from engine.errors import StorageError
from engine.process.failures import recognise
from engine.rundir.encoding import seal
from engine.rundir.status import State
from tests import forkserver
from tests.app.conftest import MAIN, runs_dir, said, visit
from tests.app.library import write
from tests.conftest import ROOT, until
from tests.sampling import later

__all__ = ["runs_dir", "visit"]
Visit = Callable[..., AppTest]
GARBAGE = b'\x00\xff{"a":[}\n{}\n[]\n"x"\n' + b"".join(
    b'{"event":"%s"}\n{"event":"%s","epoch":"x","step":-4,"message":5,"at":"y","elapsed_s":[]}\n' % (kind, kind)
    for kind in (b"step", b"epoch", b"memory", b"preview", b"checkpoint", b"warning", b"control", b"state", b"complete")
)
FILES = ("run.json", "status.json", "sessions.jsonl", "metrics.jsonl", "control.jsonl", "dataset.json", "log.txt")


def newer(path: Path) -> None:
    path.write_bytes(seal(json.loads(path.read_text()) | {"protocol": 99}))


def into_folder(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.mkdir()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "garbage": lambda path: path.write_bytes(GARBAGE),
    "a folder": into_folder,
    "gone": lambda path: path.unlink(missing_ok=True),
}
# Each third of it, as far as the quick tests go, has every file and every damage.
PLACES = [(damage, name) for damage in DAMAGES for name in FILES]


@pytest.mark.parametrize(("damage", "name"), [*PLACES[::3], *later(*PLACES[1::3], *PLACES[2::3])])
def test_a_run_with_a_damaged_part_opens_all_the_same(visit: Visit, runs_dir: Path, name: str, damage: str) -> None:
    write(runs_dir / "drums", state=State.RUNNING, done=3)
    DAMAGES[damage](runs_dir / "drums" / name)
    assert "drums" in said(visit("run", run="drums"))  # and visit holds that nothing was raised


@pytest.mark.parametrize("name", ["run.json", "status.json"])
def test_a_newer_run_is_left_out_and_the_others_stay(visit: Visit, runs_dir: Path, name: str) -> None:
    write(runs_dir / "drums", done=3)
    write(runs_dir / "bells", done=3)
    newer(runs_dir / "drums" / name)
    app = visit()
    assert "was written by a newer version" in said(app) and "Update Sweetspot" in said(app)
    assert app.dataframe[0].value["Run"].tolist() == ["drums"]  # the name both were given: it is the other's row


def test_a_run_that_is_deleted_while_it_is_open_is_said_to_be_gone(visit: Visit, runs_dir: Path) -> None:
    write(runs_dir / "drums", state=State.RUNNING, done=3)
    app = visit("run", run="drums")
    (runs_dir / "drums" / "status.json").unlink()
    (runs_dir / "drums" / "run.json").unlink()
    assert not app.run().exception
    shutil.rmtree(runs_dir / "drums")
    until(lambda: "There is no run of this name here" in said(app.run()))
    assert not app.exception


@pytest.fixture
def file_for_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "notes.txt"
    place.write_text("no folder")
    monkeypatch.setattr(sys, "argv", ["main.py", "--runs-dir", str(place)])
    st.cache_resource.clear()
    return place


def test_a_runs_dir_that_is_a_file_is_said_and_starts_nothing(file_for_runs: Path) -> None:
    app = AppTest.from_file(MAIN, default_timeout=120).run()
    assert f"{file_for_runs} is a file." in said(app) and "--runs-dir DIR" in said(app)
    app.button(key="demo").click().run()
    assert not app.exception
    assert "takes no new run: Not a directory" in said(app)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be somebody else")
def test_what_one_may_not_read_is_a_sentence() -> None:
    """As another user: a run that its owner keeps to himself, and a folder of such."""
    code = (
        "import os, sys; from pathlib import Path; from app.runs.library import Library\n"
        "place = Path(sys.argv[1]); os.setgid(65534); os.setuid(65534)\n"
        "print(Library(place).views()[1], Library(place).trouble(), Library(place / 'drums').trouble())"
    )
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        write(Path(place) / "drums", done=3)
        (Path(place) / "drums").chmod(0o700)
        argv = [sys.executable, "-c", code, place]
        done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120)
    drums = Path(place) / "drums"
    assert f"['{drums} may not be read by you. Ask its owner for: chmod -R a+rX {drums}']" in done.stdout, done.stderr
    assert f"None {drums} may not be read by you: its rights forbid it. Start the app" in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="no such pipes")
def test_a_reader_who_has_heard_enough_is_no_error(tmp_path: Path) -> None:
    write(tmp_path / "run", done=1)
    reading, writing = os.pipe()
    os.close(reading)
    arguments = ("inspect", tmp_path / "run", "--json")
    with forkserver.Popen("engine", *arguments, stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, said = process.communicate(timeout=120)
    assert (process.returncode, said) == (1, "")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("train", "demo", "--run-dir", "FILE/run"), 74, "cannot be written: Not a directory. Choose another place"),
        (("train", "demo", "--run-dir", "FILE"), 2, "is a file. Name a directory"),
        (("inspect", "FILE"), 2, "holds no run. Name the directory"),
        (("pack", "NEW", "--out", "FILE/run.zip"), 74, "cannot be written or read: file exists. Choose another place."),
        (("export", "FILE", "--out", "m.zip"), 2, "is a file. Name a run's directory"),
        (("train", "demo", "--device", "tpu"), 2, "device cannot be 'tpu'. See --help"),
        (("control", "FILE", "cancel"), 1, "there is no run. Name a run directory."),
        (("train", "--resume", "FILE"), 2, "holds no run"),
        (("inspect", "NEWER"), 2, "was written by a newer version (protocol 99, this one reads 2)"),
        (("train", "--resume", "NEWER"), 2, "was written by a newer version"),
        (("control", "NEWER", "cancel"), 1, "was written by a newer version"),
    ],
)
def test_a_command_says_what_is_wrong_and_what_to_do(
    tmp_path: Path,
    engine: Callable[..., subprocess.CompletedProcess[str]],
    arguments: tuple[str, ...],
    code: int,
    sentence: str,
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    write(tmp_path / "newer", done=1)
    newer(tmp_path / "newer" / "status.json")
    newer(tmp_path / "newer" / "run.json")
    write(tmp_path / "new", done=1)
    places = {"FILE": str(file), "NEW": str(tmp_path / "new"), "NEWER": str(tmp_path / "newer")}
    given = [places.get(word, word.replace("FILE", places["FILE"])) for word in arguments]
    result = engine(*given)
    assert result.returncode == code and sentence in result.stderr, result.stderr
    assert "Traceback" not in result.stderr


def test_too_many_open_files_are_called_so_and_not_a_full_disk() -> None:
    for number in (errno.EMFILE, errno.ENFILE):
        error = OSError(number, os.strerror(number))
        for told in (StorageError.of(error), recognise(error)):
            assert told is not None and "Too many files are open" in told.cause and "ulimit -n" in told.remedy
