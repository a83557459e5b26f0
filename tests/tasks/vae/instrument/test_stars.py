"""Which sounds of a run have a star, read from a file that anybody may have written."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import StorageError
from engine.rundir.layout import Layout
from engine.tasks.vae.instrument.stars import starred_in


@pytest.mark.parametrize("content", ["", "5", "[]", '{"starred": 5}', "[" * 200_000])
def test_an_instrument_of_stars_that_cannot_be_read_is_refused(content: str, tmp_path: Path) -> None:
    place = Layout(tmp_path)
    place.sounds.mkdir()
    place.stars.write_text(content)
    with pytest.raises(StorageError, match=r"stars\.json"):
        starred_in(tmp_path)


def test_what_is_no_name_in_a_file_of_stars_stars_nothing(tmp_path: Path) -> None:
    place = Layout(tmp_path)
    place.sounds.mkdir()
    place.stars.write_text('{"starred": [7, null, "../gone.wav"]}')
    assert starred_in(tmp_path) == []
