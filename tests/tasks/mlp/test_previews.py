"""The pictures of a table: names as they were written."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageFont

from engine.tasks.mlp import previews
from engine.tasks.mlp.previews import confusion_png


@pytest.mark.parametrize("fonts", [previews.FONTS, ()], ids=["this machine's", "only Pillow's"])
def test_no_letter_of_a_name_is_a_box(fonts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "FONTS", fonts)
    counts = np.eye(3, dtype=np.int64)
    boxes = confusion_png(counts, ["rot", "gr\uffffn", "blau"], "")
    assert confusion_png(counts, ["rot", "grün", "blau"], "") != boxes


def test_what_a_font_lacks_is_written_as_near_as_it_comes() -> None:
    font = ImageFont.load_default(20)
    assert [previews._written(text, font) for text in ("grün", "naïve", "5 °C", "字", "a b")] == [
        "grun",
        "naive",
        "5 °C",
        "?",
        "a b",
    ]
