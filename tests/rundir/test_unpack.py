"""A run from elsewhere is taken in as a stranger's: read, never believed, and nothing else comes with it."""

from __future__ import annotations

import errno
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from unittest.mock import Mock

import pytest

from engine.errors import DataError, RunDirectoryError, StorageError
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from engine.sharing import deterministic_zip, unpack
from engine.sharing.deterministic_zip import read_zip, write_zip
from engine.sharing.pack import pack
from engine.sharing.staging import staging
from engine.sharing.unpack import _placed, take_in


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def put(path: Path, *members: tuple[str, bytes]) -> Path:
    write_zip(path, members)
    return path


def test_a_packed_run_and_a_directory_are_looked_at_and_not_trained(drum_run: Path, runs: Path, tmp_path: Path) -> None:
    packed = tmp_path / "drums.zip"
    pack(RunReader(drum_run), packed)
    first, second = take_in(packed, runs).root, take_in(drum_run, runs).root
    assert [first.name, second.name] == [drum_run.name, f"{drum_run.name}-2"] and not list(runs.glob(".*"))
    for root in (first, second):
        reader = RunReader(root)
        view = reader.view()
        assert view.read_only and not view.resumable and not reader.is_own
        assert reader.saved_states() and reader.previews() and reader.run() is not None
        sessions = reader.sessions()
        assert all((one.machine_id, one.since_boot_s) == ("packed", None) for one in sessions), "of no machine's clock"
    assert RunReader(drum_run).is_own, "the one that was taken in stays as it is"


def test_what_claims_to_be_of_this_machine_is_not_believed(drum_run: Path, runs: Path, tmp_path: Path) -> None:
    own = Path(shutil.copytree(drum_run, tmp_path / "own"))
    members = [(f"own/{path.relative_to(own).as_posix()}", path.read_bytes()) for path in own.rglob("*")
               if path.is_file() and not path.name.startswith(".")]  # fmt: skip
    root = take_in(put(tmp_path / "own.zip", *members), runs).root
    assert not RunReader(root).is_own and RunReader(root).view().read_only
    source = RunReader(root).run().source  # type: ignore[union-attr]
    assert source.path is None


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "r/../../evil",
        "/etc/evil",
        "r/.bashrc",
        "r/a/b/c",
        "evil",
        "r\\..\\evil",
        "r/\x1b[2J",
        "r/evil\n",
        "r/evil\u202e",
    ],
)
def test_a_name_that_belongs_to_no_run_refuses_the_archive(runs: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="belongs to no run") as refused:
        take_in(put(tmp_path / "x.zip", ("r/run.json", b"{}"), (name, b"x")), runs)
    assert refused.value.cause.isprintable()
    assert not list(runs.iterdir()) and not list(tmp_path.rglob("*evil*"))


def test_a_bomb_a_link_and_what_holds_no_run_are_refused(runs: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("r/run.json", bytes(50 << 20))
    with pytest.raises(DataError, match="packed by another program"):
        take_in(tmp_path / "bomb.zip", runs)
    (tmp_path / "none.zip").write_bytes(io.BytesIO(b"no archive").getvalue())
    for name in ("none.zip", "missing.zip"):
        with pytest.raises(DataError):
            take_in(tmp_path / name, runs)
    with pytest.raises((DataError, RunDirectoryError)):
        take_in(put(tmp_path / "x.zip", ("r/run.json", json.dumps({"uuid": 1}).encode())), runs)
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="holds no run"):
        take_in(tmp_path / "folder", runs)
    assert not list(runs.iterdir())


def test_a_run_with_as_many_previews_as_it_likes_comes_back(drum_run: Path, runs: Path, tmp_path: Path) -> None:
    pack(RunReader(drum_run), tmp_path / "drums.zip")
    many = {f"{drum_run.name}/previews/more-{number}.npy": b"" for number in range(4200)}
    root = take_in(
        put(tmp_path / "many.zip", *read_zip(tmp_path / "drums.zip", 1 << 30).items(), *many.items()), runs
    ).root
    assert RunReader(root).previews() and RunReader(root).run() is not None


def test_what_is_too_many_or_too_large_is_said_by_who_writes_it_and_who_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = put(tmp_path / "x.zip", ("r/a", b"12"), ("r/b", b"345"))
    with pytest.raises(DataError, match=r"x\.zip holds 5 bytes; 4 at most are read"):
        read_zip(small, 4)
    monkeypatch.setattr(deterministic_zip, "MOST_MEMBERS", 1)
    with pytest.raises(DataError, match="more than 1 files"):
        read_zip(small, 100)
    with pytest.raises(DataError, match="more than 1 files"):
        put(tmp_path / "y.zip", ("r/a", b""), ("r/b", b""))
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"], "whole or not at all"


def test_a_directory_whose_files_lead_out_brings_nothing_from_there(drum_run: Path, runs: Path, tmp_path: Path) -> None:
    hostile = Path(shutil.copytree(drum_run, tmp_path / "hostile"))
    (tmp_path / "secret").write_text("secret")
    preview = next(Layout(hostile).previews.glob("*.wav"))
    preview.unlink()
    preview.symlink_to(tmp_path / "secret")
    Layout(hostile).log.unlink(missing_ok=True)
    Layout(hostile).log.symlink_to(tmp_path / "secret")
    root = take_in(hostile, runs).root
    assert not [path for path in root.rglob("*") if path.is_file() and path.read_bytes() == b"secret"]


@pytest.mark.parametrize(
    "names",
    [("r/previews", "r/previews/x.wav"), ("r/previews/x.wav", "r/previews"), ("r/" + "n" * 60_000, "r/log.txt")],
)
def test_names_that_no_disk_takes_are_no_fault_of_the_disk(runs: Path, tmp_path: Path, names: tuple[str, str]) -> None:
    with pytest.raises(DataError, match="belongs to no run") as refused:
        take_in(put(tmp_path / "x.zip", ("r/run.json", b"{}"), *((name, b"x") for name in names)), runs)
    assert len(refused.value.cause) < 120 and ".taken-in" not in str(refused.value)


@pytest.mark.skipif(sys.platform == "win32", reason="a named pipe has no name on its disks")
def test_a_pipe_and_a_device_are_not_waited_for(runs: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(DataError, match="no regular file"):
            take_in(source, runs)


@pytest.mark.skipif(sys.platform == "win32", reason="its disks fill the hole")
@pytest.mark.parametrize("name", ["log.txt", "metrics.jsonl", "previews"])
def test_a_file_larger_than_any_of_a_run_is_not_read(drum_run: Path, runs: Path, tmp_path: Path, name: str) -> None:
    hostile = Path(shutil.copytree(drum_run, tmp_path / "hostile"))
    path = hostile / name
    path = next(path.glob("*.wav")) if name == "previews" else path
    with path.open("ab") as file:
        file.truncate(200 << 30)  # a hole: it takes no room
    with pytest.raises(DataError, match=f"{path.name} has .* MB, more than one of a run ever has"):
        take_in(hostile, runs)
    assert not list(runs.iterdir())


def test_an_encrypted_archive_is_called_so(runs: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "x.zip", ("r/run.json", b"{}"))
    data = bytearray(path.read_bytes())
    for header, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + flags] |= 1
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"^x\.zip is encrypted\. Ask for it without a password\.$"):
        take_in(path, runs)


def test_a_disk_that_is_full_is_told_with_what_was_to_be_written(
    drum_run: Path, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = OSError(errno.ENOSPC, "No space left on device")  # a write that fails names no file
    monkeypatch.setattr(unpack, "_write", Mock(side_effect=full))
    with pytest.raises(StorageError, match=f"^{re.escape(str(runs))} cannot be written or read: no space left"):
        take_in(drum_run, runs)
    monkeypatch.setattr(deterministic_zip, "_fill", Mock(side_effect=OSError(*full.args)))
    with pytest.raises(OSError, match="No space left") as refused:
        write_zip(tmp_path / "x.zip", [])
    assert refused.value.filename == str(tmp_path / "x.zip") and not list(tmp_path.glob("*.zip"))


def test_all_of_it_together_has_a_bound(drum_run: Path, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "MOST_BYTES", 10_000)
    with pytest.raises(DataError, match="too much to take in"):
        take_in(drum_run, runs)
    assert not list(runs.iterdir())


def test_what_a_killed_opening_left_goes_with_the_next_and_what_lives_stays(runs: Path, tmp_path: Path) -> None:
    runs.mkdir()
    dying = "import os, sys\nfrom pathlib import Path\nfrom engine.sharing.staging import staging\n"
    dying += "with staging(Path(sys.argv[1])) as place:\n    (place / 'x').write_text('x'); os._exit(9)"
    assert subprocess.run([sys.executable, "-c", dying, str(runs)], check=False).returncode == 9
    (left,) = runs.iterdir()
    with pytest.raises(DataError):
        take_in(tmp_path / "missing.zip", runs)
    assert not left.exists()
    with staging(runs) as alive:
        with pytest.raises(DataError):
            take_in(tmp_path / "missing.zip", runs)
        assert list(runs.iterdir()) == [alive]
    assert not list(runs.iterdir())


def test_those_who_take_in_runs_of_one_name_at_once_get_a_place_each(tmp_path: Path) -> None:
    hands, each = 6, 50
    ready = threading.Barrier(hands)

    def place(hand: int) -> list[Path]:
        ready.wait()
        return [_placed(staged(f"{hand}-{number}"), tmp_path, "hats") for number in range(each)]

    def staged(name: str) -> Path:
        made = tmp_path / f".staged-{name}"
        made.mkdir()
        (made / name).touch()
        return made

    with ThreadPoolExecutor(hands) as pool:
        found = [root for roots in pool.map(place, range(hands)) for root in roots]
    assert len({next(root.iterdir()).name for root in found}) == len(set(found)) == hands * each
