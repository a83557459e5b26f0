"""What stands beside a preview, as eyes see it and as it is read aloud."""

from __future__ import annotations

import re

import pytest

from app.panels.previews import Mark


def heard(html: str) -> str:
    """All its text, as a screen reader runs it together."""
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        (Mark("62", "5.0 dB"), "epoch 62, 5.0 dB"),
        (Mark("62", "5.0 dB", "sweet spot"), "epoch 62, 5.0 dB, sweet spot"),
        (Mark("Original"), "Original"),
        (Mark("Start", "untrained"), "Start, untrained"),
    ],
)
def test_the_lines_of_a_label_are_heard_apart(mark: Mark, said: str) -> None:
    assert heard(mark.html) == said


def test_a_name_in_a_label_is_no_markup() -> None:
    assert "<img" not in Mark("<img src=x>", "<img src=y>", "<img src=z>").html
