"""The picture of how long sounds are."""

from __future__ import annotations

import pytest

from app.charts.lengths import length_rows
from engine.rundir.record import FileRow


@pytest.mark.parametrize("many", [0, 150])
@pytest.mark.parametrize(
    ("seconds", "unit", "end"),
    [(0.42, "seconds", 0.42), (150.0, "seconds", 150.0), (600.0, "minutes", 10.0), (5 * 3600.0, "hours", 5.0)],
)
def test_lengths_are_counted_in_the_unit_that_fits_the_longest(
    seconds: float, unit: str, end: float, many: int
) -> None:
    rows = [FileRow(path=f"{n}.wav", verdict="used", split="train", duration_s=seconds / n) for n in (1, 2, 3)]
    found = length_rows(rows, many)
    assert (found.dots, found.unit) == (many > 0, unit)
    table = found.rows.to_pydict()
    places = [x for x, k in zip(table["x"], table["k"], strict=True) if k == "frame"]
    assert places[0] == 0.0 and end <= places[1] <= 1.2 * end
    if found.dots:
        told = dict(zip(table["t"], table["x"], strict=True))
        assert any(text.startswith("1.wav: ") and x == pytest.approx(end, rel=0.2) for text, x in told.items())
