"""``sweetspot reconstruct``: what is refused, in which words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner

from engine.commands.reconstruct import command
from engine.errors import DataError
from tests.audio.sounds import chirp


@pytest.fixture
def too_long(tmp_path: Path) -> Path:
    """A second more than ten minutes, in a format whose header may say anything."""
    path = tmp_path / "long.flac"
    soundfile.write(path, np.resize(chirp(1, rate=8_000), 601 * 8_000), 8_000)
    return path


@pytest.fixture
def no_sound(tmp_path: Path) -> Path:
    path = tmp_path / "bad.wav"
    path.write_bytes(b"dear diary " * 20)
    return path


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("too_long", "long.flac lasts more than 10 min, the most that is taken. Cut it into pieces."),
        (
            "no_sound",
            "bad.wav cannot be used: not sound (nothing in it looks like audio). Leave it out or convert it to WAV.",
        ),
    ],
)
def test_a_sound_that_cannot_be_taken_is_refused_in_a_sentence(
    file: str, said: str, drum_run: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    out = tmp_path / "out"
    error = (
        CliRunner().invoke(command, [str(drum_run), str(request.getfixturevalue(file)), "--out", str(out)]).exception
    )
    assert isinstance(error, DataError) and str(error).endswith(said)
    assert not list(out.iterdir())
