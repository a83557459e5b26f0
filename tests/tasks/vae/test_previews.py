"""The previews of a run: equally loud, so that a copy is compared with its original and an epoch with another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from engine.audio.files.io import read_wave
from engine.audio.levels import CEILING_DB, active_rms, amplitude_to_db, peak
from engine.audio.settings import DecodeSettings
from engine.collection.collection import open_collection
from engine.rundir.reader import RunReader
from engine.tasks.vae.codec import Codec
from engine.tasks.vae.previews import HEADROOM_DB, HeldOut, even_preview_level, previews, sample_wave
from engine.tasks.vae.sounds.load import open_model

RATE = 48_000


def heard(path: Path) -> tuple[float, float]:
    wave = read_wave(path, RATE)
    return amplitude_to_db(active_rms(wave)), amplitude_to_db(peak(wave))


def test_all_previews_of_a_run_are_equally_loud(drum_run: Path) -> None:
    found = [heard(path) for path in sorted((drum_run / "previews").glob("*.wav"))]
    assert len(found) >= 5
    levels, tops = zip(*found, strict=True)
    assert max(levels) - min(levels) < 0.1
    assert max(tops) < CEILING_DB + 0.01


@pytest.mark.parametrize("shape", [(), (2,)], ids=["mono", "stereo"])
def test_new_one_shots_end_where_they_are_heard_no_more(
    drum_run: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]
) -> None:
    def strokes(codec: Codec, codes: torch.Tensor, beside: list[int], samples: int, seed: int) -> list[np.ndarray]:
        wave = np.zeros((samples, *shape), np.float32)
        wave[:4_800] = 0.5
        wave[4_800:9_600] = 0.0004  # 62 dB below
        return [wave] * len(codes)

    monkeypatch.setattr("engine.tasks.vae.previews._sounds", strokes)
    long = sample_wave(open_model(drum_run).codec, 4 * RATE, 0, 0.85, 0)
    last = np.flatnonzero(np.abs(long).reshape(len(long), -1).max(axis=1) >= 0.0005)[-1]
    assert len(long) - last == pytest.approx(0.1 * RATE, abs=2), "what lies 62 dB below is heard no more"


def test_the_record_names_the_file_that_a_copy_is_of(drum_run: Path) -> None:
    reader = RunReader(drum_run)
    named = {(one["role"], one.get("file")) for one in reader.all_of("preview")}
    dataset = reader.dataset()
    held_out = {row.path for row in dataset.files if row.split == "val"} if dataset else set()
    (original,) = (file for role, file in named if role == "reference")
    assert original in held_out and named == {("reference", original), ("recon", original), ("sample", None)}


@pytest.mark.slow
def test_a_copy_is_as_loud_as_its_original_whichever_is_held_out(drum_run: Path, drums: Path, tmp_path: Path) -> None:
    codec = open_model(drum_run, None).codec
    for path in sorted(drums.iterdir()):
        wave = read_wave(path, RATE)[: 2 * RATE]
        made = {}
        for preview in previews(codec, HeldOut(wave / peak(wave)), 2.0, 0, 0.85, 0):
            (tmp_path / "a.wav").write_bytes(preview.files["wav"])
            made[preview.role] = heard(tmp_path / "a.wav")[0]
        assert made["recon"] == pytest.approx(made["reference"], abs=0.1), path.name


def test_a_spiky_original_leaves_its_copies_room() -> None:
    spiky = np.zeros(RATE, np.float32)
    spiky[:2_048] = 0.01
    spiky[100] = 1.0
    level = even_preview_level(spiky, 0.1)
    assert amplitude_to_db(level / active_rms(spiky)) == pytest.approx(CEILING_DB - HEADROOM_DB, abs=0.1)
    assert even_preview_level(np.zeros(10, np.float32), 0.1) == 0.1


def test_what_is_copied_is_heard_as_recorded_and_in_mono_where_its_file_is_gone(folder: Path) -> None:
    draws = np.random.default_rng(0).standard_normal((2, RATE)) / 10
    both = np.stack([draws[0] + 0.5 * draws[1], draws[0] - 0.5 * draws[1]], axis=1)
    soundfile.write(folder / "wide.wav", both, RATE, subtype="FLOAT")
    soundfile.write(folder / "mono.wav", draws[1], RATE, subtype="FLOAT")
    mono, wide = open_collection(folder, DecodeSettings()).sounds
    parts = [sound.pcm()[: RATE // 2].astype(np.float32) / 32767 for sound in (mono, wide)]
    heard = HeldOut.of(wide, parts[1], RATE)
    np.testing.assert_allclose(heard.wave, both[: RATE // 2], atol=1e-6)
    assert heard.image is not None and np.median(heard.image.width) == pytest.approx(0.5, abs=0.05)
    (folder / "wide.wav").unlink()
    for sound, part in ((mono, parts[0]), (wide, parts[1])):
        alone = HeldOut.of(sound, part, RATE)
        assert alone.image is None and np.array_equal(alone.wave, part)
