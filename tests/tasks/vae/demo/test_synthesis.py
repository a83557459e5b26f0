"""The demo collection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.collection.health import examine
from engine.rng import generator
from engine.tasks.vae.demo.instruments import pluck
from engine.tasks.vae.demo.synthesis import synthesise_demo


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


def test_a_plucked_string_is_in_tune_within_a_cent() -> None:
    cents = np.arange(-50, 50.1, 0.25)
    for pitch in (82.41, 191.7, 329.63):
        wave = pluck(generator(0, "test"), pitch, 2.0, 0.15, 0.5, 2.5)
        power = np.abs(np.fft.rfft(wave * np.hanning(wave.size), 1 << 20))
        frequency = np.arange(power.size) * 48_000 / (1 << 20)
        for partial in (1, 2, 3):
            near = np.interp(partial * pitch * 2 ** (cents / 1200), frequency, power)
            assert abs(cents[int(np.argmax(near))]) <= 1
