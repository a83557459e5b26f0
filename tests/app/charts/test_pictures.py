"""Charts as pictures: what the page draws in a browser, drawn without one."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pytest

from app.charts import specs
from app.charts.pictures import chart, picture
from tests.sampling import later

NAME = "a\x01b\x1b\u202e<i>"


@pytest.mark.parametrize("kind", [*later("png"), "svg"])
def test_a_strangers_text_does_not_end_the_process(kind: Literal["png", "svg"]) -> None:
    rows = pa.table({"k": ["a\x01"], "s": [NAME], "t": [NAME]})
    spec = specs.main_chart("epoch", NAME, 200)
    drawn = picture(rows, spec, NAME, kind)
    assert drawn[:4] == b"\x89PNG" if kind == "png" else b"a\\x01b\\x1b\\u202e&lt;i&gt;" in drawn
    assert "\x01" not in chart(rows, spec, NAME, {"wide": 300})
