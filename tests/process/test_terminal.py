"""What a terminal shows of a run that learns."""

from __future__ import annotations

import re

import pytest

from engine.metrics import EpochMetrics
from engine.process import terminal
from tests.app.library import record


def test_the_error_has_one_number_of_digits_from_the_first_line_to_the_last(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terminal, "LINE_EVERY_S", -1.0)
    shown = terminal.Terminal()
    shown.begin(record("drums"))
    for epoch, error in enumerate([12.345, 3.1, 3.05, 2.9, 2.88], 1):
        row = {"epoch": epoch, "total_epochs": 9, "train_loss": 1.0, "val_loss": 1.0, "learning_rate": 0.001}
        shown.callback(EpochMetrics(**row, val_recon_db=error))
    said = re.findall(r"new sounds (.+ dB)", capsys.readouterr().out)
    assert said == ["12.3 dB", "3.1 dB", "3.0 dB", "2.9 dB", "2.9 dB"]
