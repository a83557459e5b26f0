"""What stands beside a preview, as eyes see it and as it is read aloud."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.panels.previews import Caption, captions, nearest_best
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, Parent
from engine.rundir.status import Best, State
from tests.app.library import record, write


def heard(html: str) -> str:
    """All its text, as a screen reader runs it together."""
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("caption", "said"),
    [
        (Caption("62", "5.0 dB"), "epoch 62, 5.0 dB"),
        (Caption("62", "5.0 dB", "sweet spot"), "epoch 62, 5.0 dB, sweet spot"),
        (Caption("Original"), "Original"),
        (Caption("Start", "untrained"), "Start, untrained"),
    ],
)
def test_the_lines_of_a_label_are_heard_apart(caption: Caption, said: str) -> None:
    assert heard(caption.html) == said


def test_a_name_in_a_label_is_no_markup() -> None:
    assert "<img" not in Caption("<img src=x>", "<img src=y>", "<img src=z>").html


def test_beside_a_copy_stands_the_error_of_the_file_that_it_copies(tmp_path: Path) -> None:
    sides = [("learns.wav", "train"), ("a.wav", "val"), ("bad.wav", None), ("heard.wav", "val"), ("c.wav", "val")]
    rows = [FileRow(path=path, verdict="skipped" if side is None else "used", split=side) for path, side in sides]
    monitor = record("r").monitor.model_copy(update={"files": "val_recon_db_files"})
    writer = write(
        tmp_path / "drums", done=4, files=rows, own={"val_recon_db_files": [9.0, 3.6, 8.0]}, monitor=monitor,
        num_val_files=3, close=False,
    )  # fmt: skip
    reader, moments = RunReader(tmp_path / "drums"), [(0, 0), (1, 5), (2, 20), (3, 25)]
    found = [PreviewSet(epoch, step, "recon", 0) for epoch, step in moments]
    copied = [one.copied for one in captions(reader.root, reader.view(), found).values()]
    mean = captions(reader.root, reader.view(), found)[2, 20].detail
    assert copied[2] == f"{mean}, the mean of 3", "nobody knows which it is"
    event = {"kind": "audio", "role": "reference", "index": 0, "file": "heard.wav"}
    writer.event("preview", epoch=0, step=0, **event)
    writer.close()
    shown = captions(reader.root, reader.view(), found)
    assert [one.copied for one in shown.values()] == ["untrained", "in epoch 1", "3.6 dB", "3.6 dB at epoch 2"]
    assert shown[2, 20].detail == mean != "3.6 dB", "how well the model did stays the mean"


def test_an_error_stands_beside_a_preview_only_where_it_was_measured(tmp_path: Path) -> None:
    write(tmp_path / "drums", done=4)  # epochs of ten updates
    reader = RunReader(tmp_path / "drums")
    moments = [(0, 0), (1, 5), (2, 20), (3, 25), (9, 85)]
    found = [PreviewSet(epoch, step, "sample", 0) for epoch, step in moments]
    said = captions(reader.root, reader.view(), found)
    curve = [event["val_recon_db"] for event in reader.events().events if event["event"] == "epoch"]
    assert (said[0, 0].label, said[0, 0].detail) == ("Start", "untrained")
    view = reader.view()
    assert view.run is not None
    begun = view.run.model_copy(update={"parent": Parent(run="kit", uuid="1" * 32, checkpoint="best.safetensors")})
    assert captions(reader.root, replace(view, run=begun), found)[0, 0].detail == "as it began", "it was trained before"
    assert (said[2, 20].label, said[2, 20].detail) == ("2", f"{curve[1]:.1f} dB")
    assert (said[3, 25].label, said[3, 25].detail) == ("step 25", f"{curve[1]:.1f} dB at epoch 2")
    assert (said[1, 5].label, said[1, 5].detail) == ("step 5", "in epoch 1"), "nothing was measured before it"
    assert (said[9, 85].label, said[9, 85].detail) == ("step 85", "in epoch 9"), "nor of what the record lacks"


def test_the_previews_nearest_the_best_epoch_are_called_so_as_it_moves(tmp_path: Path) -> None:
    writer = write(tmp_path / "drums", done=4, state=State.RUNNING, close=False)  # epochs of ten updates
    reader = RunReader(tmp_path / "drums")
    found = [PreviewSet(epoch, 10 * epoch, "sample", 0) for epoch in (0, 2, 4)]

    def called(best: int) -> object:
        writer.update(best=Best(metric="val_recon_db", value=1.0, raw=1.0, epoch=best, step=10 * best))
        writer._publish()
        return nearest_best(reader.view(), found)

    assert called(2) == ((2, 20), "best so far")
    assert called(3) == ((2, 20), "nearest the best so far")
    assert called(4) == ((4, 40), "best so far")
    found = [PreviewSet(3, 27, "sample", 0)]
    assert called(3) == ((3, 27), "nearest the best so far"), "made within that epoch, before its end"
    writer.close()
