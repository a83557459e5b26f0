"""What a viewer reads, however damaged, and that it leaves no trace."""

from __future__ import annotations

import math
import os
import shutil
import sys
import tracemalloc
from pathlib import Path

import pytest

from engine.errors import RunDirectoryError
from engine.rundir import protocol
from engine.rundir.artefacts import PreviewSet
from engine.rundir.encoding import encode, seal
from engine.rundir.protocol import Manifest
from engine.rundir.reader import RunReader
from engine.rundir.record import DatasetRecord, FileRow
from engine.rundir.status import State
from engine.rundir.view import ShownState
from engine.rundir.writer import RunWriter
from tests.run_list import list_runs
from tests.rundir.conftest import open_writer
from tests.rundir.test_encoding import RUN


def fill(writer: RunWriter) -> None:
    writer.write_dataset(DatasetRecord(files=[FileRow(path="a.wav", verdict="used", split="train")]))
    writer.write_run(RUN)
    for step in range(1, 41):
        writer.event("step", step=step, epoch=1 + step // 10, train_loss=math.nan if step == 40 else 1 / step)
        if step % 10 == 0:
            writer.event("epoch", step=step, epoch=step // 10, val_loss=1 / step)
    for role, suffix in (("sample", "wav"), ("sample", "png"), ("recon", "wav"), ("reference", "wav")):
        writer.write_preview(writer.layout.preview(3, 30, role, 0, suffix), b"RIFF")
    writer.write_preview(writer.layout.preview(0, 0, "sample", 0, "wav"), b"RIFF")
    snapshot = writer.layout.snapshot(3, 30)
    writer.write_artefact(snapshot, b"s", Manifest(file=snapshot.name, step=30, epoch=3, bytes=1, sha256="0"))
    writer.state(State.CANCELLED)


@pytest.fixture
def finished(root: Path) -> Path:
    with open_writer(root) as writer:
        fill(writer)
    return root


def test_the_records_come_back(finished: Path) -> None:
    reader = RunReader(finished)
    dataset = reader.dataset()
    assert reader.run() == RUN
    assert dataset is not None
    assert dataset.files[0].path == "a.wav"
    assert reader.view().name == "NaN"
    assert reader.view().resumable


def test_events_are_read_on_from_an_offset_whole_lines_only(finished: Path) -> None:
    reader = RunReader(finished)
    everything = reader.events()
    metrics = reader.layout.metrics
    assert reader.events(everything.offset) == ([], everything.offset)
    with metrics.open("ab") as file:
        file.write(b'{"event": "step", "step": 41')
    assert reader.events(everything.offset) == ([], everything.offset)
    with metrics.open("ab") as file:
        file.write(b"}\nnonsense\n\xff\n" + encode({"event": "step", "step": 42}))
    events, offset = reader.events(everything.offset)
    assert [event["step"] for event in events] == [41, 42]
    assert offset == metrics.stat().st_size


def test_reading_in_pieces_gives_the_same_as_at_once(finished: Path) -> None:
    reader = RunReader(finished)
    everything = reader.lines()
    for limit in (1, 7, 100, 1000):
        pieces, offset = [], 0
        while True:
            lines, moved = reader.lines(offset, limit)
            if moved == offset:
                break
            pieces, offset = pieces + lines, moved
        assert (pieces, offset) == everything


def test_a_file_that_was_replaced_sends_the_reader_back_to_its_start(finished: Path) -> None:
    reader = RunReader(finished)
    offset = reader.events().offset
    metrics = reader.layout.metrics
    metrics.write_bytes(b'{"event":"step"}\n')
    assert reader.events(offset) == ([], 0)
    metrics.write_bytes(b"x" * (offset + 50) + b"\n")
    assert reader.events(offset) == ([], 0)


def test_the_tail_is_the_end_of_the_whole_whatever_its_length(finished: Path) -> None:
    reader = RunReader(finished)
    everything = reader.events().events
    with reader.layout.metrics.open("ab") as file:
        for number in range(3000):
            everything.append({"event": "step", "step": 100 + number, "padding": "x" * 50})
            file.write(encode(everything[-1]))
    assert reader.metrics_tail(0) == []
    for count in (1, 10, 2500):
        assert reader.metrics_tail(count) == everything[-count:]
    assert [event["step"] for event in reader.metrics_tail(2, "epoch")] == [30, 40]
    assert len(reader.metrics_tail(9999, "epoch")) == 4


def test_previews_are_grouped_the_references_first(finished: Path) -> None:
    assert RunReader(finished).previews() == [
        PreviewSet(0, 0, "reference", 0, {"wav": "previews/reference-00.wav"}),
        PreviewSet(0, 0, "sample", 0, {"wav": "previews/epoch-0000-step-00000000-sample-00.wav"}),
        PreviewSet(3, 30, "recon", 0, {"wav": "previews/epoch-0003-step-00000030-recon-00.wav"}),
        PreviewSet(
            3,
            30,
            "sample",
            0,
            {suffix: f"previews/epoch-0003-step-00000030-sample-00.{suffix}" for suffix in ("png", "wav")},
        ),
    ]


def test_a_link_out_of_the_run_is_not_followed(finished: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"RIFF")
    (finished / "previews" / "epoch-0009-step-00000090-sample-00.wav").symlink_to(secret)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "step-00000001.safetensors").write_bytes(b"x")
    (finished / "checkpoints").symlink_to(outside)
    reader = RunReader(finished)
    assert not [preview for preview in reader.previews() if preview.epoch == 9]
    assert reader.checkpoints() == []


def test_a_manifest_of_another_file_describes_nothing(finished: Path) -> None:
    reader = RunReader(finished)
    (snapshot,) = reader.snapshots()
    assert snapshot.manifest is not None
    snapshot.path.with_suffix(".json").write_bytes(encode(snapshot.manifest.model_copy(update={"file": "../x"})))
    assert reader.snapshots()[0].manifest is None


DAMAGE = [b"", b"{", b"\0" * 100, b"[]", b"null", b'{"protocol": "x"}', b"\xff\xfe", b"[" * 100_000]


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_files_are_missing_files(finished: Path, damage: bytes) -> None:
    for name in ("run.json", "dataset.json", "status.json", "sessions.jsonl", "metrics.jsonl"):
        (finished / name).write_bytes(damage)
    for path in (finished / "snapshots").iterdir():
        path.write_bytes(damage)
    reader = RunReader(finished)
    assert (reader.run(), reader.dataset(), reader.status(), reader.sessions()) == (None, None, None, [])
    assert reader.events().events == []
    assert [found.verified for found in reader.snapshots()] == [False]
    assert reader.view().state is ShownState.UNKNOWN


@pytest.mark.skipif(sys.platform != "linux", reason="where a hole takes no room on the disk")
def test_a_hole_in_the_metrics_is_not_taken_into_memory(finished: Path) -> None:
    os.truncate(finished / "metrics.jsonl", 1 << 36)
    reader = RunReader(finished)
    tracemalloc.start()
    try:
        assert reader.metrics_tail(1, "epoch") == []
        list(reader.all_of("epoch"))
        reader.events(reader.line_start(-1000))
        assert tracemalloc.get_traced_memory()[1] < 1 << 30
    finally:
        tracemalloc.stop()


def test_directories_and_pipes_in_place_of_files_are_missing_files(finished: Path) -> None:
    for name in ("run.json", "status.json", "metrics.jsonl"):
        (finished / name).unlink()
    (finished / "run.json").mkdir()
    os.mkfifo(finished / "status.json")
    os.mkfifo(finished / "metrics.jsonl")
    reader = RunReader(finished)
    assert (reader.run(), reader.status(), reader.events(), reader.metrics_tail(3)) == (None, None, ([], 0), [])


@pytest.mark.parametrize("name", ["run.json", "status.json"])
@pytest.mark.parametrize(
    ("by", "words"), [(1, r"a newer version \(protocol 3, .* Update Sweetspot"), (-1, "an older version .* train anew")]
)
def test_another_protocol_is_refused_with_a_sentence(finished: Path, name: str, by: int, words: str) -> None:
    (finished / name).write_bytes(seal({"protocol": protocol.PROTOCOL + by, "all": "different"}))
    with pytest.raises(RunDirectoryError, match=words):
        RunReader(finished).view()


def test_a_copy_is_read_without_a_write(finished: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copied"
    shutil.copytree(finished, copy)
    for path in [*copy.rglob("*"), copy]:
        path.chmod(0o555 if path.is_dir() else 0o444)
        os.utime(path, (1, 1))
    before = {path: path.stat().st_mtime for path in [copy, *copy.rglob("*")]}
    reader = RunReader(copy)
    view = reader.view()
    assert (view.state, view.name, view.id) == (ShownState.CANCELLED, "NaN", "copied")
    assert len(reader.events().events) > 40
    assert len(reader.previews()) == 4
    assert [found.path.parent.parent for found in reader.snapshots()] == [copy]
    assert reader.checkpoints() == []
    assert list_runs(tmp_path)
    assert {path: path.stat().st_mtime for path in [copy, *copy.rglob("*")]} == before
    for path in [copy, *copy.rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)


def test_runs_are_listed_the_one_trained_last_first_and_nothing_else(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        open_writer(tmp_path / name).close()
    open_writer(tmp_path / "b", resume=True).close()
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden" / "run.json").write_text("{}")
    (tmp_path / "file").write_text("")
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{")
    assert [reader.id for reader in list_runs(tmp_path)] == ["b", "c", "a", "damaged"]
    assert list_runs(tmp_path / "nowhere") == []
