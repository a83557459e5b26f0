"""``sweetspot pack``: a run that opens elsewhere and tells nothing of the computer it was made on."""

from __future__ import annotations

import platform
import re
import shutil
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.report.contents import gather
from engine.commands.pack import command
from engine.rundir.annotate import annotate
from engine.rundir.layout import manifest
from engine.rundir.liveness import boot_id, host, machine_id
from engine.rundir.reader import RunReader
from engine.rundir.record import Source
from engine.rundir.view import ShownState
from engine.sharing.anonymise import Scrubber
from tests.rundir.conftest import open_writer
from tests.rundir.test_encoding import RUN


def pack(run: Path, out: Path, *options: str) -> Any:
    result = CliRunner().invoke(command, [str(run), "--out", str(out), *options])
    assert result.exit_code == 0, result.output
    return result


def unpacked(out: Path, place: Path) -> RunReader:
    with zipfile.ZipFile(out) as archive:
        archive.extractall(place)
    return RunReader(next(place.iterdir()))


@pytest.fixture
def talkative(drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose every text names where it was made, and by whom."""
    run = tmp_path / "library" / "drums-1"
    shutil.copytree(drum_run, run)
    reader = RunReader(run)
    record = reader.run()
    assert record is not None and record.source.path is not None
    monkeypatch.setattr(platform, "node", lambda: "annelieses-studio")
    for name in ("LOGNAME", "USER"):
        monkeypatch.setenv(name, "anneliese")
    monkeypatch.setenv("HOME", "/home/anneliese")
    where = f"{record.source.path}/snare one.wav on {host()}, for anneliese, in {run} and /home/anneliese/.cache/x"
    (run / "log.txt").write_text(
        f'{where}\n  File "{sys.prefix}/lib/torch/nn.py", line 3\nsee https://example.org/a/b\n'
    )
    with open_writer(run, resume=True) as writer:
        writer.warn(where)
    return run


def test_no_byte_of_it_names_a_path_a_host_or_a_user(talkative: Path, tmp_path: Path) -> None:
    record = RunReader(talkative).run()
    assert record is not None and record.source.path is not None
    pack(talkative, tmp_path / "run.zip")
    secrets = [
        host(),
        machine_id(),
        boot_id(),
        "anneliese",
        "/home/anneliese",
        str(talkative),
        record.source.path,
        str(tmp_path),
        sys.prefix,
    ]
    with zipfile.ZipFile(tmp_path / "run.zip") as archive:
        for info in archive.infolist():
            data = archive.read(info)
            for secret in secrets:
                assert not secret or secret.encode() not in data, (info.filename, secret)
        log = archive.read("drums-1/log.txt").decode()
    assert "snare one.wav" in log and "…/nn.py" in log and "https://example.org/a/b" in log


@pytest.mark.parametrize("name", ["train", "val", "sample", "best", "auto", "step", "audio", "val_recon_db", "root"])
def test_a_user_or_host_called_as_the_program_calls_something_breaks_nothing(
    name: str, drum_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "node", lambda: name)
    for variable in ("LOGNAME", "USER"):
        monkeypatch.setenv(variable, name)
    pack(drum_run, tmp_path / "run.zip")
    ours, theirs = RunReader(drum_run), unpacked(tmp_path / "run.zip", tmp_path / "there")
    run, status, dataset = theirs.require_run(), theirs.status(), theirs.dataset()
    known, before = ours.run(), ours.status()
    assert known and before and status and dataset and dataset == ours.dataset()
    assert (run.config, run.metrics, run.monitor) == (known.config, known.metrics, known.monitor)
    assert (status.state, status.phase, status.last_checkpoint) == (before.state, before.phase, before.last_checkpoint)
    assert theirs.events().events == ours.events().events
    assert all(one.verified for one in (*theirs.checkpoints(), *theirs.snapshots()))
    assert gather(ours).dataset == dataset


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("cannot read /Volumes/Ana Maria/My Best Sounds/kick.wav: gone", "cannot read …/kick.wav: gone"),
        ('File "C:\\Users\\Ana Maria\\x.wav", line 3', 'File "…/x.wav", line 3'),
        ("/a/kick.wav and train/val stay", "…/kick.wav and train/val stay"),
        ("1/2 of a/b, https://example.org/My Sounds/a", "1/2 of a/b, https://example.org/My Sounds/a"),
    ],
)
def test_a_path_from_elsewhere_loses_its_folders_also_those_with_blanks(text: str, left: str, tmp_path: Path) -> None:
    assert Scrubber(tmp_path, None, []).text(text) == left


def test_a_home_that_is_the_root_takes_no_slash_out_of_a_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/")
    assert Scrubber(tmp_path, None, []).text("1/2 of kick/snare") == "1/2 of kick/snare"


def test_it_opens_elsewhere_to_look_at_and_to_use(drum_run: Path, tmp_path: Path) -> None:
    from engine.tasks.vae.sounds.load import open_model

    pack(drum_run, tmp_path / "run.zip")
    ours, theirs = RunReader(drum_run), unpacked(tmp_path / "run.zip", tmp_path / "there")
    view = theirs.view()
    assert (view.state, view.read_only, view.name) == (ShownState.COMPLETED, True, ours.view().name)
    assert theirs.events().events == ours.events().events
    assert [one.files for one in theirs.previews()] == [one.files for one in ours.previews()]
    assert theirs.checkpoints() and all(one.verified for one in (*theirs.checkpoints(), *theirs.snapshots()))
    assert open_model(theirs.root).weights == open_model(drum_run).weights


def test_the_same_run_gives_the_same_bytes(drum_run: Path, tmp_path: Path) -> None:
    for name in ("one.zip", "two.zip"):
        pack(drum_run, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()


def test_checkpoints_can_stay_and_damaged_ones_do(drum_run: Path, tmp_path: Path) -> None:
    run = tmp_path / "drums-1"
    shutil.copytree(drum_run, run)
    first = RunReader(run).snapshots()[0].path
    first.write_bytes(first.read_bytes()[:-1])
    told = pack(run, tmp_path / "run.zip", "--without-checkpoints").stderr
    assert told == f"1 file was damaged and left out: snapshots/{first.name}.\n"
    theirs = unpacked(tmp_path / "run.zip", tmp_path / "there")
    names = [one.path.name for one in theirs.snapshots()]
    assert [one.path.name for one in theirs.checkpoints()] == ["best.safetensors"] and names and first.name not in names
    assert not manifest(theirs.layout.snapshots / first.name).exists()


def test_what_is_damaged_is_named_also_the_best_weights_and_a_record_and_a_whole_run_has_nothing_to_say(
    drum_run: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(drum_run, tmp_path / "drums-1"))
    assert not pack(run, tmp_path / "whole.zip").stderr
    best, snapshot = RunReader(run).layout.best, RunReader(run).snapshots()[-1].path
    for path in (best, run / "dataset.json"):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    manifest(snapshot).unlink()
    told = pack(run, tmp_path / "run.zip").stderr
    said = f"dataset.json, snapshots/{snapshot.name}, checkpoints/best.safetensors"
    assert told == f"3 files were damaged and left out: {said}.\n"


def test_the_weights_of_single_epochs_can_stay_too_and_what_takes_the_room_is_said(
    drum_run: Path, tmp_path: Path
) -> None:
    said = pack(drum_run, tmp_path / "whole.zip", "--without-checkpoints").stdout
    small = pack(drum_run, tmp_path / "run.zip", "--without-checkpoints", "--without-snapshots").stdout
    assert "snapshots " in said and "snapshots " not in small and "previews " in small
    parts = [float(found) for found in re.findall(r"([0-9.]+) MB[,)]", said)]
    whole, *_ = (float(found) for found in re.findall(r"files, ([0-9.]+) MB", said))
    assert parts == sorted(parts, reverse=True) and sum(parts) == pytest.approx(whole, abs=0.3)
    theirs = unpacked(tmp_path / "run.zip", tmp_path / "there")
    assert not theirs.snapshots() and [one.path.name for one in theirs.checkpoints()] == ["best.safetensors"]
    assert [one.files for one in theirs.previews()] == [one.files for one in RunReader(drum_run).previews()]


def test_a_live_run_is_packed_whole_and_called_live(tmp_path: Path) -> None:
    run = tmp_path / "live-1"
    with open_writer(run) as writer:
        writer.event("step", step=1, epoch=1, train_loss=0.5)
        writer.update(step=1, epoch=1)
        with (run / "metrics.jsonl").open("ab") as lines:
            lines.write(b'{"event":"step","at":1.0,"elapsed_s":1.0,"st')
        result = pack(run, tmp_path / "run.zip")
        assert "still be training" in result.stderr
        theirs = unpacked(tmp_path / "run.zip", tmp_path / "there")
        with zipfile.ZipFile(tmp_path / "run.zip") as archive:
            assert f": {len(archive.namelist())} files, " in result.stdout
    assert theirs.events().events[-1]["step"] == 1
    assert theirs.layout.metrics.read_bytes().endswith(b"\n")
    assert "still training" in (theirs.root / "PACKED.txt").read_text()


def test_what_is_no_run_is_refused(tmp_path: Path, engine: Callable[..., Any]) -> None:
    done = engine("pack", tmp_path, "--out", tmp_path / "run.zip")
    assert done.returncode == 2 and "holds no run" in done.stderr and not (tmp_path / "run.zip").exists()


def test_of_what_its_user_said_only_the_name_goes_along(talkative: Path, tmp_path: Path) -> None:
    annotate(RunReader(talkative), name="anneliese's drums", tags=("client x",), text="Too dull.", archived=True)
    pack(talkative, tmp_path / "run.zip")
    assert (
        b"client x" not in (tmp_path / "run.zip").read_bytes()
        and b"Too dull" not in (tmp_path / "run.zip").read_bytes()
    )
    copy = unpacked(tmp_path / "run.zip", tmp_path / "elsewhere")
    assert copy.view().name == "somebody's drums" and not copy.layout.notes.exists()


def test_a_path_that_no_system_opens_is_not_looked_for_folder_by_folder(tmp_path: Path) -> None:
    source = Source(kind="folder", name="x", path="/a" * 6_000)
    tracemalloc.start()
    scrub = Scrubber(tmp_path, RUN.model_copy(update={"source": source}), [])
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert held < 4 << 20, "the text of each folder above it: 36 MB"
    assert scrub.text(f"{source.path}/kick.wav is gone") == "…/kick.wav is gone"
