"""The memorisation meter."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from engine.audio.mel import RANGE_DB, AudioSpectrogram
from engine.audio.nearest import relative_db
from engine.audio.settings import DecodeSettings, SpectrogramConfig
from engine.audio.window_index import WindowIndex
from engine.collection.collection import open_collection
from engine.tasks.vae.copying import CopyingMeter, CopyingReading
from engine.tasks.vae.dataset import AudioTrainingDataset, sweep
from engine.tasks.vae.diagnosis import repeats
from tests.bench.memorisation import measure_memorisation
from tests.conftest import DATA

SPECTROGRAM = SpectrogramConfig()
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared recordings beside this checkout")


def sounds(seed: int, count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [
        relative_db(-torch.linspace(0, 40, 50) + 6 * torch.randn(32, 50, generator=generator)) for _ in range(count)
    ]


def test_copies_are_called_copies_and_name_what_they_copy() -> None:
    train, held_out = sounds(1, 4), sounds(2, 3)
    shifted = [torch.nn.functional.pad(train[2], (5, 0), value=-80.0)[:, :50]]
    found = measure_memorisation(shifted, held_out, train, 94)
    assert found.copies and found.ratio < 0.1
    assert (found.closest.sound, found.closest.frame) == (2, -5)


def test_sounds_as_new_as_held_out_ones_are_no_copies() -> None:
    found = measure_memorisation(sounds(3, 3), sounds(2, 3), sounds(1, 4), 94)
    assert not found.copies and 0.9 < found.ratio < 1.1


@pytest.fixture(scope="module")
def drums_and_more(drums: Path) -> tuple[AudioTrainingDataset, AudioTrainingDataset]:
    """Seven real drums, and three held out."""
    found = open_collection(drums, DecodeSettings()).sounds
    sides = found[:7], found[7:]
    train, held_out = (AudioTrainingDataset(side, SPECTROGRAM, 0.25) for side in sides)
    return train, held_out


def listening(train: AudioTrainingDataset) -> CopyingMeter:
    transform = AudioSpectrogram(SPECTROGRAM)
    index = WindowIndex(train.frames, SPECTROGRAM.full_scale_db - RANGE_DB)
    ref = float(sweep(train, transform, index).ceiling.max())
    return CopyingMeter(train, transform, index, ref - RANGE_DB)


@pytest.fixture(scope="module")
def meter(drums_and_more: tuple[AudioTrainingDataset, AudioTrainingDataset]) -> CopyingMeter:
    train, held_out = drums_and_more
    meter = listening(train)
    meter.hear(held_out.mel_db(held_out.chunks, AudioSpectrogram(SPECTROGRAM)))
    return meter


@pytest.mark.slow
def test_a_copy_from_anywhere_at_any_gain_is_found(
    meter: CopyingMeter, drums_and_more: tuple[AudioTrainingDataset, AudioTrainingDataset]
) -> None:
    train, _ = drums_and_more
    transform = AudioSpectrogram(SPECTROGRAM)
    draws = torch.Generator().manual_seed(0)
    for sound, length in enumerate(train.lengths):
        for _ in range(4):
            place, gain = torch.rand(2, generator=draws).tolist()
            start = round(place * max(0, min(length, 48_000) - train.chunk_samples))
            db = train.frames_db(sound, start // 512, train.frames, transform, start % 512) - 12 * gain
            near = meter.nearest(db)
            assert near is not None
            assert near.distance_db < 1.0, (train.sounds[sound].path, start, near)
            assert near.sound == sound and abs(near.frame * 512 - start) < 2_048


def test_the_meter_of_a_run_tells_repetition_and_names_the_file(
    meter: CopyingMeter, drums_and_more: tuple[AudioTrainingDataset, AudioTrainingDataset]
) -> None:
    train, held_out = drums_and_more
    transform = AudioSpectrogram(SPECTROGRAM)
    unheard = held_out.mel_db(held_out.chunks, transform)
    copy = train.frames_db(4, 3, train.frames, transform, 100) - 6.0
    repeated = meter.read(copy.expand(6, -1, -1))
    assert repeats(repeated.samples_db, repeated.held_out_db, own_db=2.0)
    assert repeated.file == train.sounds[4].path and repeated.file_db < 1.0
    fresh = meter.read(unheard)
    assert 0.9 < fresh.samples_db / fresh.held_out_db < 1.1
    assert not repeats(fresh.samples_db, fresh.held_out_db, own_db=0.0)
    assert CopyingReading.from_state(fresh.state()) == fresh


def test_silence_between_two_sounds_is_no_copy_of_anything() -> None:
    one, other = sounds(3, 2)
    gap = torch.full((32, 188), -80.0)
    found = measure_memorisation([torch.cat([one, gap, other], dim=1)], sounds(2, 3), sounds(1, 4), 94)
    assert found.closest.distance_db > 1 and not found.copies


@needs_data
def test_a_short_stroke_is_named_though_much_of_its_copy_sank_to_the_floor(tmp_path: Path) -> None:
    """What is left of these leaves some shift of the index one or two cells, and those fit many other sounds."""
    for path in [path for kind in ("tabla", "perc", "elec") for path in (DATA / "sonicpi").glob(f"{kind}_*.flac")]:
        (tmp_path / path.name).symlink_to(path.resolve())
    train = AudioTrainingDataset(open_collection(tmp_path, DecodeSettings()).sounds, SPECTROGRAM, 1.0)
    transform, meter = AudioSpectrogram(SPECTROGRAM), listening(train)
    for name in ("tabla_dhec", "tabla_re", "tabla_te_m"):
        (sound,) = (place for place, one in enumerate(train.sounds) if name in one.path)
        for offset, softer in ((0, 6.0), (128, 9.0)):
            near = meter.nearest(train.frames_db(sound, 0, train.frames, transform, offset) - softer)
            assert near is not None and near.sound == sound and near.distance_db < 1.0, (name, softer, near)


@needs_data
def test_the_faint_end_of_a_tone_is_named_at_its_own_level(tmp_path: Path) -> None:
    """Ten to fifteen frames are heard of these: one cell of the index, which at most shifts did not hold their end."""
    for path in (DATA / "sonicpi").glob("tabla_*.flac"):
        (tmp_path / path.name).symlink_to(path.resolve())
    train = AudioTrainingDataset(open_collection(tmp_path, DecodeSettings()).sounds, SPECTROGRAM, 1.0)
    transform, meter = AudioSpectrogram(SPECTROGRAM), listening(train)
    for name in ("tabla_ghe7", "tabla_tun3"):
        (sound,) = (place for place, one in enumerate(train.sounds) if name in one.path)
        for offset in (0, 128, 256, 384):
            near = meter.nearest(train.frames_db(sound, 2 * 48_000 // 512, train.frames, transform, offset))
            assert near is not None and near.sound == sound and near.distance_db < 1.0, (name, offset, near)


def test_silence_is_near_to_nothing_and_no_yardstick(
    meter: CopyingMeter, drums_and_more: tuple[AudioTrainingDataset, AudioTrainingDataset]
) -> None:
    """All of it lies at the floor: no bin of it disagrees with any sound."""
    train, held_out = drums_and_more
    transform = AudioSpectrogram(SPECTROGRAM)
    unheard = held_out.mel_db(held_out.chunks, transform)
    silent = torch.full_like(unheard, -200.0)
    read = meter.read(silent)
    assert read.file == "" and math.isnan(read.samples_db) and math.isnan(read.file_db)
    among = meter.read(torch.stack([silent[0], unheard[0], unheard[1]]))
    assert among.samples_db > 0.5 and among.file_db > 0.5
    other = listening(train)
    other.hear(torch.stack([silent[0], silent[1], silent[2], unheard[0]]))
    assert other.held_out_db > 0.5
    other.hear(silent)
    assert math.isnan(other.held_out_db)
