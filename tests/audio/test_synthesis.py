"""The demo collection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from engine.audio.collection import open_collection
from engine.audio.health import examine
from engine.audio.settings import DecodeSettings
from engine.audio.synthesis import demo_sounds, synthesise_demo


def test_the_demo_is_24_different_usable_sounds(tmp_path: Path) -> None:
    synthesise_demo(tmp_path / "demo")
    health = examine(open_collection(tmp_path / "demo", DecodeSettings()))
    assert health.usable == len(health.files) == 24
    assert not [row for row in health.files if row.reason or row.same_as]
    assert all(row.duration_s is not None and 0.39 < row.duration_s < 2.51 for row in health.files)
    assert all(row.peak_db is not None and -9.1 < row.peak_db < -0.9 for row in health.files)
    assert soundfile.info(tmp_path / "demo" / "bell_church_g3.wav").samplerate == 48_000


def test_the_demo_is_the_same_every_time(tmp_path: Path) -> None:
    synthesise_demo(tmp_path / "a")
    synthesise_demo(tmp_path / "b")
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_strings_and_bars_sound_at_the_pitch_in_their_name() -> None:
    sounds = demo_sounds()
    for name, pitch in (("string_a2_finger", 110.0), ("string_e4_bridge", 329.63), ("bar_marimba_a3", 220.0)):
        power = np.abs(np.fft.rfft(sounds[name], 1 << 19)) ** 2
        frequency = np.arange(power.size) * 48_000 / (1 << 19)
        # Of three partials, so that the fundamental need not be the strongest.
        score = [sum(np.interp(k * f, frequency, power) ** 0.5 for k in (1, 2, 3)) for f in pitch * _CENTS]
        assert abs(1200 * np.log2(_CENTS[int(np.argmax(score))])) < 12, name


_CENTS = 2 ** (np.arange(-200, 201, 2) / 1200)
