"""What stands beside a preview, as eyes see it and as it is read aloud."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.panels.previews import Caption, captions
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from tests.app.library import write


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


def test_an_error_stands_beside_a_preview_only_where_it_was_measured(tmp_path: Path) -> None:
    write(tmp_path / "drums", done=4)  # epochs of ten updates
    reader = RunReader(tmp_path / "drums")
    moments = [(0, 0), (1, 5), (2, 20), (3, 25), (9, 85)]
    found = [PreviewSet(epoch, step, "sample", 0) for epoch, step in moments]
    said = captions(reader.root, reader.view(), found)
    curve = [event["val_recon_db"] for event in reader.events().events if event["event"] == "epoch"]
    assert (said[0, 0].label, said[0, 0].detail) == ("Start", "untrained")
    assert (said[2, 20].label, said[2, 20].detail) == ("2", f"{curve[1]:.1f} dB")
    assert (said[3, 25].label, said[3, 25].detail) == ("step 25", f"{curve[1]:.1f} dB at epoch 2")
    assert (said[1, 5].label, said[1, 5].detail) == ("step 5", "in epoch 1"), "nothing was measured before it"
    assert (said[9, 85].label, said[9, 85].detail) == ("step 85", "in epoch 9"), "nor of what the record lacks"
