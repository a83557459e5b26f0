"""The rows of sounds: one time axis, and what tells them apart."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from app.look import picture
from app.sounds import players
from app.sounds.made_sounds import MadeSounds, Sound
from app.sounds.words import differences
from engine.audio.files.io import write_wave
from engine.audio.picture import mel_png
from tests.app.conftest import said


def _listed(place: str) -> None:
    from pathlib import Path

    from app.sounds import players
    from app.sounds.made_sounds import made_sounds_at

    made = made_sounds_at(place)
    players.rows("drums", made, made.sounds(), Path(place).name)


def _shown(place: Path, lengths_s: tuple[float, ...]) -> AppTest:
    """The rows of new sounds of these lengths."""
    for number, seconds in enumerate(lengths_s):
        path = place / f"prior-{number}.wav"
        write_wave(path, np.zeros(round(8_000 * seconds), np.float32), 8_000)
        path.with_suffix(".png").write_bytes(mel_png(np.zeros((8, 8), np.float32), 1.0, 0.1))
        path.with_suffix(".json").write_text(json.dumps({"sound": {"origin": {"kind": "prior", "index": number}}}))
    app = AppTest.from_function(_listed, default_timeout=120, args=(str(place),)).run()
    assert not app.exception, app.exception
    return app


def test_sounds_stand_on_one_time_axis_with_their_lengths_in_tenths(tmp_path: Path) -> None:
    app = _shown(tmp_path, (0.3, 2.4))
    parts = [column.weight for column in app.columns[::2]]
    assert min(parts) / max(parts) == pytest.approx(0.3 / 2.4, rel=0.01)
    assert "the whole width is 2.4 s" in said(app) and "0.3 s" in said(app)


def test_one_long_sound_is_cut_on_the_time_axis_and_leaves_the_others_to_be_seen(tmp_path: Path) -> None:
    app = _shown(tmp_path, (0.4, 0.5, 30.0))
    parts = [column.weight for column in app.columns[::2]]
    assert min(parts) / max(parts) == pytest.approx(0.4 / 0.5, rel=0.01), "30 seconds would leave them a sixtieth"
    words = said(app)
    assert "the whole width is 0.5 s. 1 longer one is cut there." in words
    assert "30.0 s" in words and words.count("picture: first 0.5 s") == 1


@pytest.mark.parametrize(
    ("lengths", "width"),
    [
        ([], 0.0), ([60.0], 60.0), ([0.5, 60.0], 0.5), ([0.3, 2.4], 2.4), ([2.0, 2.0, 9.0], 9.0),
        ([0.5, 0.6, 0.7, 4.0], 0.7), ([0.3, 0.3, 0.5, 0.7, 0.7, 0.9, 1.5, 4.0, 4.0], 1.5), ([0.5, 0.5, 0.5, 0.9], 0.9),
        ([0.3] * 9 + [1.0] * 8, 1.0), ([0.5] * 5 + [4.0] * 4, 4.0),
    ],
)  # fmt: skip
def test_the_time_axis_is_the_longest_of_what_is_usual(lengths: list[float], width: float) -> None:
    assert players.axis_s(lengths) == width


def test_the_picture_of_a_sound_that_is_cut_is_its_beginning(tmp_path: Path) -> None:
    whole = Image.fromarray(np.tile(np.arange(100, dtype=np.uint8), (4, 1)))
    whole.save(tmp_path / "a.png")
    with Image.open(io.BytesIO(picture.beginning(tmp_path / "a.png", None, 0.2))) as shown:
        assert shown.size == (20, 4) and np.array(shown).max() == 19


def made_of(place: Path, wishes: Sequence[dict[str, Any]]) -> list[Sound]:
    """Sounds in ``place``, one of each wish."""
    for number, wish in enumerate(wishes):
        path = place / f"prior-{number}.wav"
        write_wave(path, np.zeros(4800, np.float32), 48_000)
        path.with_suffix(".json").write_text(json.dumps({"sound": wish}))
    return MadeSounds(place).sounds()


def test_sounds_of_one_seed_are_told_apart_by_what_differs(tmp_path: Path) -> None:
    plain = {"seed": 3, "temperature": 1.0, "loop": False, "quality": "fast", "origin": {"kind": "prior", "index": 0}}
    wishes = [{}, {"temperature": 1.5}, {"loop": True}, {"origin": {"kind": "prior", "index": 1}}, {"seed": 4}]
    said_of = differences(made_of(tmp_path, [plain | wish for wish in wishes]))
    assert said_of == {
        "prior-0.wav": "temperature 1, no loop",
        "prior-1.wav": "temperature 1.5, no loop",
        "prior-2.wav": "temperature 1, loop",
    }, "where nothing is mistaken nothing is said"
    app = AppTest.from_function(_listed, default_timeout=120, args=(str(tmp_path),)).run()
    assert not app.exception and "temperature 1.5, no loop" in said(app)


def test_what_makes_no_difference_tells_no_sounds_apart(tmp_path: Path) -> None:
    bars = {"seed": 3, "bars": 2, "bpm": 140.0, "loop": True, "origin": {"kind": "prior", "index": 0}}
    morph = {"seed": 3, "origin": {"kind": "between", "first": "a.wav", "second": "b.wav", "position": 0.5}}
    wishes = [
        bars,
        bars | {"bars": None, "duration_s": 3},
        morph | {"temperature": 0.85},
        morph | {"temperature": None},
    ]
    assert differences(made_of(tmp_path, wishes)) == {"prior-1.wav": "3 s"}, "bars are said of each loop anyway"
