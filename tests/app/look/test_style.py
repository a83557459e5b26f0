"""Names as the pages write them."""

from __future__ import annotations

from app.look import style
from app.panels.previews import Caption


def test_a_long_name_breaks_where_its_words_end_and_is_never_markup() -> None:
    assert style.broken("final_mix_<b>") == "final_<wbr>mix_<wbr>&lt;b&gt;"
    assert "deep_<wbr>kick" in Caption("Nearest", "deep_kick").html
