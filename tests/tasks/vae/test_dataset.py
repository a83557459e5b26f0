"""What is heard of a side once: all of it, however many and long its sounds are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from engine.audio.files.io import write_wave
from engine.audio.mel import RANGE_DB, AudioSpectrogram
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.audio.window_index import CELL_FRAMES, WindowIndex
from engine.collection.collection import open_collection
from engine.tasks.vae.dataset import AudioTrainingDataset, sweep

SPECTROGRAM = SpectrogramConfig()


def test_the_index_of_a_side_holds_every_frame_of_every_sound(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    for name, samples in (("0", 4_000), ("1", 10 * 48_000)):
        write_wave(tmp_path / f"{name}.wav", (0.1 * draws.standard_normal(samples)).astype(np.float32), 48_000)
    short, long = open_collection(tmp_path, DecodeSettings()).sounds
    train = AudioTrainingDataset([long, *[short] * 300, long], SPECTROGRAM, 1.0)
    index = WindowIndex(train.frames, SPECTROGRAM.full_scale_db - RANGE_DB)
    sweep(train, AudioSpectrogram(SPECTROGRAM), index)
    cells, starts, ends = (index.state()[name] for name in ("cells", "starts", "ends"))
    frames = [SPECTROGRAM.frames(length) for length in train.lengths]
    assert (ends - starts).tolist() == [-(-count // CELL_FRAMES) for count in frames]
    assert int(ends[-1]) == cells.shape[1]
    for one, other in ((0, 301), (1, 300)):
        assert torch.equal(cells[:, starts[one] : ends[one]], cells[:, starts[other] : ends[other]])
