"""How a recording lies between its channels is measured, and other sounds are laid out like it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.audio.files.cache import Cache, Facts
from engine.audio.files.decode_worker import decode
from engine.audio.stereo import BANDS, WIDEST, StereoImage, StereoMeter, band_edges, laid_out
from tests.conftest import DATA

RATE = 48_000
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="no shared recordings beside this checkout")


def noise(seed: int, samples: int = 3 * RATE) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def channels(middle: np.ndarray, side: np.ndarray) -> np.ndarray:
    return np.stack([middle + side, middle - side], axis=1).astype(np.float32)


def measured(wave: np.ndarray, rate: int = RATE) -> StereoImage | None:
    meter = StereoMeter(rate)
    for block in np.split(wave, [1, 1000, 77_777]):
        meter.add(block)
    return meter.image()


def decoded(path: Path, tmp_path: Path) -> Facts:
    cache = Cache(tmp_path / "cache")
    cache.save("ab", decode(path, "ab", cache, RATE, lambda: None))
    found = cache.load("ab")
    assert found is not None and found.failure is None
    return found


@pytest.mark.parametrize("rate", [22_050, 44_100, 96_000])
@pytest.mark.parametrize("pan, width", [(0.5, 0.8), (-0.3, 2.0), (1.0, 0.0), (0.0, 0.1)])
def test_what_is_panned_and_what_is_wide_is_told_apart(pan: float, width: float, rate: int) -> None:
    found = measured(channels(noise(0), pan * noise(0) + width * noise(1)), rate)
    assert found is not None
    bands = slice(1, int(np.searchsorted(band_edges(), rate / 2)) - 2)
    np.testing.assert_allclose(found.pan[bands], pan, atol=0.3 * max(width, 0.1))
    np.testing.assert_allclose(found.width[bands], width, atol=0.3 * max(width, 0.1))


def hit(at: int) -> np.ndarray:
    """[T, 2]: 3 ms of noise on the left alone, ``at`` samples into silence; then a long soft tail in the middle."""
    left = np.zeros(RATE, np.float32)
    left[at : at + 144] = 5 * noise(0, 144)
    tail = np.zeros(RATE, np.float32)
    tail[at + 144 : at + 10_000] = 0.05 * noise(1, 10_000 - 144)
    return np.stack([left + tail, tail], axis=1)


def test_an_attack_at_the_very_start_lies_where_it_would_lie_later() -> None:
    found = [measured(hit(at)) for at in (0, 300, 1024, 2048, 5000)]
    for image in found:
        assert image is not None
        np.testing.assert_allclose(np.median(image.pan), np.median(found[-1].pan), atol=0.1)
        np.testing.assert_allclose(np.median(image.width), np.median(found[-1].width), atol=0.1)
    assert np.median(found[0].pan) > 0.7, "most of what is heard is on the left"


@pytest.mark.parametrize("samples", [1, 1023, 1024, 1025, 2048, 4097])
def test_every_sample_is_heard_and_blocks_change_nothing(samples: int) -> None:
    wave = channels(noise(0, samples), 0.5 * noise(0, samples) + 0.3 * noise(1, samples))
    whole, apart = StereoMeter(RATE), StereoMeter(RATE)
    whole.add(wave)
    for block in np.array_split(wave, 7):
        apart.add(block)
    image, same = whole.image(), apart.image()
    assert image is not None and same is not None
    np.testing.assert_allclose(image.pan, same.pan, atol=1e-3)
    np.testing.assert_allclose(image.width, same.width, atol=1e-3)
    last = np.zeros((samples, 2), np.float32)
    last[-1] = 1.0, 0.0
    meter = StereoMeter(RATE)
    meter.add(last)
    assert meter.image() is not None, "the last sample too"


def test_equal_channels_and_rounding_are_mono() -> None:
    assert measured(channels(noise(0), 0 * noise(0))) is None
    assert measured(channels(noise(0), 0.005 * noise(1))) is None
    assert measured(np.zeros((4800, 2), np.float32)) is None


def test_a_side_without_a_middle_is_bounded() -> None:
    found = measured(channels(1e-6 * noise(0), noise(1)))
    assert found is not None and max(found.width) == 4.0


def test_a_sound_is_laid_out_as_another_was_and_its_mean_stays() -> None:
    slope = tuple(np.linspace(-0.8, 0.8, BANDS).tolist())
    image = StereoImage(slope, tuple(np.linspace(0.2, 1.2, BANDS).tolist()))
    both = laid_out(noise(2), noise(3), image, RATE)
    np.testing.assert_allclose(both.mean(1), noise(2), atol=1e-7)
    found = measured(both)
    assert found is not None
    np.testing.assert_allclose(found.pan[1:-1], image.pan[1:-1], atol=0.15)
    np.testing.assert_allclose(found.width[1:-1], image.width[1:-1], atol=0.15)


def test_a_sound_is_as_wide_as_another_was_though_it_is_loud_where_that_was_faint() -> None:
    bands = StereoImage((0.2,) * BANDS, (0.1,) * (BANDS // 2) + (2.0,) * (BANDS // 2))
    dark = np.where(np.arange(BANDS) < BANDS // 2, 1.0, 1e-3)
    both = laid_out(noise(2), noise(3), replace(bands, side=bands.side_of(dark)), RATE, whole=True)
    middle, side = both.mean(1), (both[:, 0] - both[:, 1]) / 2
    assert 10 * np.log10(np.square(side).sum() / np.square(middle).sum()) == pytest.approx(-12.7, abs=0.5)
    np.testing.assert_allclose(middle, noise(2), atol=1e-7)
    found = measured(both)
    assert found is not None
    assert found.width[-3] / found.width[3] == pytest.approx(20, rel=0.3), "band beside band as it was"
    left = StereoImage((1.0,) * BANDS, (0.0,) * BANDS, 2.0)
    assert np.abs(laid_out(noise(2), noise(3), left, RATE, whole=True)[:, 1]).max() < 1e-5, (
        "nothing lies beyond one channel"
    )


@needs_data
@pytest.mark.parametrize("name", ["perc_impact1", "ambi_choir"])
def test_a_recording_is_as_wide_as_it_was_when_it_comes_back(name: str, tmp_path: Path) -> None:
    """Its middle, and the noise of another phase that a second inversion is."""
    path = DATA / "sonicpi" / f"{name}.flac"
    image = decoded(path, tmp_path).image
    wave, rate = soundfile.read(path, dtype="float32")
    middle, side = wave.mean(1), (wave[:, 0] - wave[:, 1]) / 2
    assert image is not None and rate == 44_100
    spectrum = np.abs(np.fft.rfft(middle)) * np.exp(2j * np.pi * np.random.default_rng(0).random(len(middle) // 2 + 1))
    again = laid_out(middle, np.fft.irfft(spectrum, len(middle)).astype(np.float32), image, rate)
    ours = (again[:, 0] - again[:, 1]) / 2
    assert abs(10 * np.log10(np.square(ours).sum() / np.square(side).sum())) < 1.5


@needs_data
@pytest.mark.parametrize("name", ["perc_swash", "ambi_choir"])
def test_what_two_inversions_have_in_common_makes_no_sound_lie_elsewhere(name: str) -> None:
    """Half of the second wave's energy is the first one."""
    wave, rate = soundfile.read(DATA / "sonicpi" / f"{name}.flac", dtype="float32")
    image, middle = measured(wave, rate), wave.mean(1)
    assert image is not None
    spectrum = np.abs(np.fft.rfft(middle)) * np.exp(2j * np.pi * np.random.default_rng(0).random(len(middle) // 2 + 1))
    other = np.sqrt(0.5) * (middle + np.fft.irfft(spectrum, len(middle)).astype(np.float32))
    again = measured(laid_out(middle, other, image, rate), rate)
    assert again is not None
    energy = np.bincount(
        np.clip(np.searchsorted(band_edges(), np.fft.rfftfreq(len(middle), 1 / rate), "right") - 1, 0, BANDS - 1),
        np.abs(np.fft.rfft(middle)) ** 2, BANDS,
    )  # fmt: skip
    assert np.average(np.abs(np.subtract(again.pan, image.pan)), weights=energy) < 0.1


def test_the_cache_keeps_the_image_and_mono_has_none(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "wide.wav", channels(noise(0), 0.5 * noise(1)), RATE)
    soundfile.write(tmp_path / "mono.wav", noise(0), RATE)
    wide = decoded(tmp_path / "wide.wav", tmp_path).image
    assert wide is not None and np.median(wide.width) == pytest.approx(0.5, abs=0.05)
    assert decoded(tmp_path / "mono.wav", tmp_path).image is None


@pytest.mark.filterwarnings("error")
def test_a_file_of_opposite_channels_has_a_width_that_ends() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 9600).astype(np.float32)
    meter = StereoMeter(48000)
    meter.add(np.stack([sound, -sound], 1))
    image = meter.image()
    assert image is not None and np.isfinite(image.width).all() and max(image.width) == WIDEST
