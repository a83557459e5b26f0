"""How loud the two sides of the bench are made, and what of a run can be put on them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from app.panels.listening_bench import Level, level_of, moves_db
from app.panels.moments import Moments, phrase
from app.runs import recordings
from engine.audio.files.io import wave_bytes
from engine.audio.levels import SILENCE_DB
from engine.rundir.artefacts import PreviewSet
from engine.rundir.reader import RunReader
from tests.audio.sounds import chirp


def tone(gain: float, silence_s: float = 0.0) -> np.ndarray:
    wave = gain * np.sin(2 * np.pi * 440 * np.arange(48_000) / 48_000)
    return np.concatenate([wave, np.zeros(round(silence_s * 48_000))]).astype(np.float32)


def test_both_are_as_loud_as_the_softer_one_whatever_silence_lies_around_them(tmp_path: Path) -> None:
    loud, soft = tmp_path / "loud.wav", wave_bytes(tone(0.05, silence_s=3), 48_000)
    loud.write_bytes(wave_bytes(tone(0.5), 48_000))
    first, second = level_of(loud), level_of(soft)
    assert first is not None and second is not None
    assert moves_db(first, second) == (pytest.approx(-20, abs=0.1), 0.0)
    assert second.duration_s == 4.0


def test_silence_moves_nothing_and_what_is_no_sound_is_none(tmp_path: Path) -> None:
    assert moves_db(Level(-20, 1), Level(SILENCE_DB, 1)) == (0.0, 0.0)
    (tmp_path / "not.wav").write_bytes(b"RIFF....WAVEnothing")
    assert level_of(tmp_path / "not.wav") is None and level_of(tmp_path / "gone.wav") is None and level_of(b"") is None


def made(step: int, role: str) -> PreviewSet:
    return PreviewSet(step // 10, step, role, 0, {"wav": f"{role}-{step}.wav"})


def test_a_side_follows_the_slider_or_stays() -> None:
    found = [made(0, "reference"), *(made(step, role) for step in (10, 20, 30) for role in ("recon", "sample"))]
    there = Moments(found[:-1], {})  # no new sound of the last moment
    assert there.choices(recording=False) == [
        "copy", "new", "original", "copy@30", "new@20", "copy@20", "new@10", "copy@10",
    ]  # fmt: skip
    assert "recording" in there.choices(recording=True)
    names = [there.sound(choice, 30) for choice in ("copy", "new", "new@10", "original")]
    assert [(kind, one.step) for kind, one in filter(None, names)] == [
        ("copy", 30), ("new", 20), ("new", 10), ("original", 0),
    ]  # fmt: skip
    assert there.sound("recording", 30) is None


def test_the_two_are_told_apart_in_a_sentence() -> None:
    assert phrase("new", "epoch 85", alike=True) == "epoch 85"
    assert phrase("copy", "epoch 85", alike=False) == "the copy of epoch 85"
    assert phrase("original", "", alike=False) == "the original"
    assert phrase("new", "before learning", alike=False) == "the new sound before learning"


def test_the_nearest_recording_is_found_where_it_lies_and_plays(drum_run: Path) -> None:
    reader = RunReader(drum_run)
    view = reader.view()
    name = recordings.nearest(view)
    assert name in {row.path for row in reader.dataset().files if row.split == "train"}
    path = recordings.place_of(view, reader.dataset(), name)
    heard, rate = soundfile.read(io.BytesIO(recordings.heard(path)))
    assert len(heard) / rate == pytest.approx(soundfile.info(path).duration, abs=0.01)


def test_a_long_recording_is_heard_for_half_a_minute(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.flac", chirp(1, 40.0, 8_000), 8_000)
    heard, rate = soundfile.read(io.BytesIO(recordings.heard(tmp_path / "long.flac")))
    assert len(heard) / rate == recordings.LONGEST_S
    (tmp_path / "none.wav").write_bytes(b"no sound")
    assert recordings.heard(tmp_path / "none.wav") is None and recordings.heard(tmp_path / "gone.wav") is None


def test_no_file_outside_the_collection_is_taken_for_a_recording(drum_run: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(drum_run, tmp_path / "run"))
    reader = RunReader(root)
    view, dataset = reader.view(), reader.dataset()
    row = dataset.files[0].model_copy(update={"path": "../secret.wav"})
    strange = dataset.model_copy(update={"files": [*dataset.files, row]})
    (Path(view.run.source.path).parent / "secret.wav").write_bytes(wave_bytes(tone(0.1), 48_000))
    assert recordings.place_of(view, strange, "../secret.wav") is None
    assert recordings.place_of(view, dataset, "unlisted.wav") is None
