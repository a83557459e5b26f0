"""Kept spectrograms: crops are what transforming them there would give, whatever is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.audio.mel import AudioSpectrogram
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.collection.collection import open_collection
from engine.tasks.vae.dataset import AudioTrainingDataset, to_float
from engine.tasks.vae.spectrograms import SHOWINGS, KeptSpectrograms
from tests.sampling import later

BATCH, LEAD_IN = 8, 4800
HALF_PRECISION_DB = 1 / 32


@pytest.fixture(scope="module", params=[1.0, *later(0.3, 2.5)])
def data(drums: Path, request: pytest.FixtureRequest) -> AudioTrainingDataset:
    return AudioTrainingDataset(open_collection(drums, DecodeSettings()).sounds, SpectrogramConfig(), request.param)


def kept(data: AudioTrainingDataset, most_bytes: int = 1 << 28) -> KeptSpectrograms:
    return KeptSpectrograms(data, AudioSpectrogram(data.spectrogram), BATCH, LEAD_IN, most_bytes)


def asked(data: AudioTrainingDataset, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Sounds and starts as a loader may ask for them, the beginning and the end of each side among them."""
    draw = np.random.default_rng(step)
    sounds = draw.integers(len(data.sounds), size=BATCH)
    room = np.array(data.lengths)[sounds] - data.chunk_samples
    part = draw.choice([0.0, draw.random(), 1.0], size=BATCH)
    return sounds, np.where(room > 0, part * room, -part * np.minimum(LEAD_IN, -room)).astype(np.int64)


def test_a_crop_is_the_transform_of_its_place_at_most_a_hop_before_what_was_asked_for(
    data: AudioTrainingDataset,
) -> None:
    spectrograms = kept(data)
    for step in range(1, 40):
        sounds, starts = asked(data, step)
        for sound, start, crop in zip(sounds, starts, spectrograms.crops(sounds, starts, 7, step), strict=True):
            begins = start == 0
            places = range(start, start + 1) if begins else range(start - spectrograms.hop + 1, start + 1)
            offset = int(spectrograms._offsets_at(np.array([sound]), 7, step)[0])
            (place,) = [at for at in places if begins or (at - offset) % spectrograms.hop == 0]
            exact = spectrograms.transform(to_float(data.window(int(sound), int(place)))[None], padded=True)[0]
            torch.testing.assert_close(crop, exact, atol=HALF_PRECISION_DB, rtol=0)


def test_what_is_kept_decides_nothing_but_the_time(data: AudioTrainingDataset) -> None:
    """Neither room for two blocks alone nor a loader that begins in the middle gives other bits."""
    ample, scarce = kept(data), kept(data, most_bytes=1)
    found = [ample.crops(*asked(data, step), 7, step) for step in range(1, 60)]
    assert scarce._kept.nbytes < ample._kept.nbytes
    for step, crops in enumerate(found, start=1):
        assert torch.equal(scarce.crops(*asked(data, step), 7, step), crops)
    resumed = kept(data)
    assert all(torch.equal(resumed.crops(*asked(data, step), 7, step), found[step - 1]) for step in range(30, 60))


def test_a_grid_holds_while_every_chunk_is_shown_ten_times_then_another_follows(data: AudioTrainingDataset) -> None:
    spectrograms = kept(data)
    period = spectrograms.period
    assert period * BATCH <= SHOWINGS * len(data.chunks) < (period + 1) * BATCH or period == 1
    sounds = np.arange(len(data.sounds))
    offsets = np.stack([spectrograms._offsets_at(sounds, 7, step) for step in range(1, 20 * period)])
    assert offsets.min() >= 0 and offsets.max() < spectrograms.hop
    changes = (np.diff(offsets, axis=0) != 0).sum(0)
    assert changes.min() >= 17 and changes.max() <= 20, "a draw may be the one before"
    other = np.stack([spectrograms._offsets_at(sounds, 8, step) for step in range(1, 20 * period)])
    assert (offsets != other).mean() > 0.9
    if period > 4:
        moved = (np.diff(offsets, axis=0) != 0).sum(1)
        assert moved.max() < len(sounds) / 2, "not all of them at once"
