"""Which sounds of a run have a star, read from a file that anybody may have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.rundir.layout import Layout
from engine.rundir.reading import starred_names
from engine.tasks.vae.instrument.stars import starred_in


@pytest.mark.parametrize("content", ["", "5", "[]", '{"starred": 5}', '{"starred": [7, null]}', "[" * 200_000])
def test_a_file_of_stars_that_says_nothing_stars_nothing(content: str, tmp_path: Path) -> None:
    place = Layout(tmp_path)
    place.sounds.mkdir()
    place.stars.write_text(content)
    assert starred_names(place.stars) == frozenset() and starred_in(tmp_path) == []
