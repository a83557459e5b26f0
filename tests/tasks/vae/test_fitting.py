"""What is fitted knows the whole collection, not its beginning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.files.io import write_wave
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.collection.collection import open_collection
from engine.config import TrainingConfig
from engine.task import OpenContext, Source
from engine.tasks.vae.config import VAEConfig
from engine.tasks.vae.dataset import AudioTrainingDataset
from engine.tasks.vae.fitting import FITTED_SOUNDS, MAPPED_HELD_OUT, Fitting, sound_shapes
from engine.tasks.vae.task import open_task
from tests.tasks.vae.test_codec import codec


@pytest.mark.slow
def test_prior_and_map_hold_an_even_choice_of_a_large_collection(drums: Path) -> None:
    own = open_collection(drums, DecodeSettings()).sounds
    many = [replace(own[place % 10], path=f"{place:03d}.wav") for place in range(400)]
    train, val = (AudioTrainingDataset(part, SpectrogramConfig(), 1.0) for part in (many[:320], many[320:]))
    fitting = Fitting(train, val, VAEConfig(kind="one-shots"), sound_shapes(train, lambda: None))
    prior, file_codes = fitting.fit(codec())
    assert len(prior.means) == FITTED_SOUNDS and len(file_codes.paths) == FITTED_SOUNDS + MAPPED_HELD_OUT
    learned = [int(path[:3]) for path, side in zip(file_codes.paths, file_codes.sides, strict=True) if side == "train"]
    checked = [int(path[:3]) for path, side in zip(file_codes.paths, file_codes.sides, strict=True) if side == "val"]
    for chosen, first, last in ((learned, 0, 319), (checked, 320, 399)):
        assert (chosen[0], chosen[-1]) == (first, last)
        assert max(np.diff(chosen)) <= 2


def test_level_and_kind_come_from_an_even_choice_of_a_large_collection(tmp_path: Path) -> None:
    """The last fifth of 320 sounds is another: long and even before, short and spiky there."""
    draws = np.random.default_rng(0)
    struck = np.exp(-np.arange(4_800) / 480) * draws.standard_normal(4_800)
    for name, wave in (("0", draws.uniform(-1, 1, 24_000)), ("1", struck)):
        write_wave(tmp_path / f"{name}.wav", (0.1 * wave).astype(np.float32), 48_000)
    one, other = open_collection(tmp_path, DecodeSettings()).sounds
    sounds = [one] * 256 + [other] * 64
    mixed, first, last = (AudioTrainingDataset(part, SpectrogramConfig(), 1.0) for part in (sounds, [one], [other]))
    shapes, begun, ended = (sound_shapes(train, lambda: None) for train in (mixed, first, last))
    assert shapes.shape[1] == FITTED_SOUNDS
    assert torch.equal(shapes[:, :1], begun) and torch.equal(shapes[:, -1:], ended)
    others = int((shapes == ended).all(0).sum())
    assert others == pytest.approx(FITTED_SOUNDS / 5, abs=1)
    fitting = Fitting(mixed, last, VAEConfig(), shapes)
    assert sum(place >= 256 for place in fitting.learned) == others
    assert fitting.level != Fitting(first, last, VAEConfig(), begun).level


@pytest.mark.parametrize("end_db, silence, expected", [(40, 0, 40), (40, 24_000, 60), (90, 0, 60)])
def test_new_sounds_end_where_recordings_do(tmp_path: Path, end_db: int, silence: int, expected: int) -> None:
    draws = np.random.default_rng(0)
    fall = 10 ** (-np.linspace(0, end_db, 24_000) / 20)
    for number in range(6):
        wave = np.pad(0.2 * fall * draws.standard_normal(24_000), (0, silence)).astype(np.float32)
        write_wave(tmp_path / f"{number}.wav", wave, 48_000)
    sounds = open_collection(tmp_path, DecodeSettings()).sounds
    train, val = (AudioTrainingDataset(part, SpectrogramConfig(), 1.0) for part in (sounds[:4], sounds[4:]))
    fitting = Fitting(train, val, VAEConfig(kind="one-shots"), sound_shapes(train, lambda: None))
    assert fitting.end_db == pytest.approx(expected, abs=4)


@pytest.mark.slow
def test_no_band_is_held_below_what_training_sounds_reach(tmp_path: Path) -> None:
    # A whistle of its own in each file, a tenth of a second long: 256 of 900 chunks miss some of them.
    draws = np.random.default_rng(0)
    for number in range(6):
        wave = 0.02 * draws.standard_normal(30 * 48_000)
        for hertz in draws.uniform(2_000, 20_000, 8):
            start = int(draws.integers(29 * 48_000))
            wave[start : start + 4_800] += (
                0.5 * np.hanning(4_800) * np.sin(np.arange(4_800) * hertz / 48_000 * 2 * np.pi)
            )
        write_wave(tmp_path / f"{number}.wav", (0.7 * wave).astype(np.float32), 48_000)
    source = Source(kind="folder", name="whistles", path=str(tmp_path))
    config, own = TrainingConfig(max_steps=1), VAEConfig(channels=8, chunk_duration_s=0.1)
    opened = open_task(source, config, own, torch.device("cpu"), OpenContext())
    assert len(opened.train.chunks) == 900
    loudest = opened.train.mel_db(opened.train.chunks, opened.transform).amax((0, 2))
    assert float((loudest - opened.codec.ceiling).max()) < 1.5
