"""The last touches to a sound: edges, loops, width, level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.audio import finish
from engine.audio.files.io import read_wave
from engine.audio.levels import active_rms, amplitude_to_db, even_level, peak, rms

RATE = 48_000


def tone(seconds: float, hertz: float = 437.3) -> finish.Wave:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)


def bends(loop: finish.Wave) -> tuple[float, float]:
    """The sharpest bend at the seam of a loop that goes round, and the sharpest elsewhere."""
    bend = np.abs(np.diff(np.concatenate([loop, loop]), 2, axis=0))
    return float(bend[len(loop) - 3 : len(loop) + 1].max()), float(bend[: len(loop) - 3].max())


def test_a_steady_tone_goes_round_without_a_click_or_a_dip() -> None:
    wave = tone(1.5)
    loop = finish.crossfade_loop(wave, RATE)
    assert len(loop) == RATE
    seam, elsewhere = bends(loop)
    assert seam < 1.2 * elsewhere
    cut, _ = bends(wave[:RATE])
    assert cut > 5 * elsewhere  # without the crossfade it would click
    levels = [amplitude_to_db(rms(part)) for part in np.split(loop, 10)]
    assert max(levels) - min(levels) < 4


def test_a_loop_of_noise_keeps_its_power() -> None:
    noise = np.random.default_rng(0).standard_normal((2 * RATE, 2)).astype(np.float32)
    loop = finish.crossfade_loop(noise, RATE)
    assert loop.shape == (RATE, 2)
    levels = [amplitude_to_db(rms(part)) for part in np.split(loop, 8)]
    assert max(levels) - min(levels) < 0.5


def test_a_stroke_rings_on_into_the_next_round() -> None:
    wave = tone(1.0) * np.exp(-np.arange(RATE) / 9_000).astype(np.float32)
    wave = finish.fade_edges(wave, RATE)
    loop = finish.fold(wave, 20_000)
    assert np.allclose(
        loop[:20_000], wave[:20_000] + wave[20_000:40_000] + np.pad(wave[40_000:], (0, 12_000)), atol=1e-6
    )
    seam, elsewhere = bends(loop)
    assert seam < 1.2 * elsewhere
    assert np.array_equal(finish.fold(wave[:100], 300), np.pad(wave[:100], (0, 200)))


@pytest.mark.parametrize("rate", [44_100, 96_000, 22_050, 48_000])
def test_a_resampled_loop_still_goes_round(rate: int) -> None:
    loop = tone(1.0, 440.0)  # whole periods
    other = finish.resample(loop, RATE, rate, loop=True)
    assert len(other) == rate
    want = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    assert np.abs(other - want).max() < 1e-3


@pytest.mark.parametrize("samples", [17_333, 17_334])
def test_a_loop_of_no_whole_length_at_the_new_rate_has_no_seam_there(samples: int) -> None:
    """18,866 samples at 48,000 Hz are 17,333.14 at 44,100: whichever whole number is taken, it goes round."""
    place = np.arange(18_866) / 18_866
    loop = np.sin(2 * np.pi * 3_000 * place).astype(np.float32)  # 7.6 kHz, where a part of a sample is heard
    other = finish.resample(loop, RATE, 44_100, samples=samples, loop=True)
    want = np.sin(2 * np.pi * 3_000 * np.arange(samples) / samples)
    assert len(other) == samples and np.abs(other - want).max() < 1e-3


def test_edges_are_silent_and_nothing_else_is_touched() -> None:
    wave = np.ones((4_800, 2), np.float32)
    faded = finish.fade_edges(wave, RATE)
    assert not faded[0].any() and not faded[-1].any()
    assert np.array_equal(faded[240:-240], wave[240:-240])
    assert (np.diff(faded[:240, 0]) > 0).all()
    assert len(finish.fade_edges(wave[:3], RATE)) == 3 and len(finish.fade_edges(wave[:0], RATE)) == 0


def test_the_stroke_of_a_one_shot_is_kept(drums: Path) -> None:
    for path in sorted(drums.iterdir()):
        wave = read_wave(path, RATE)
        edged = finish.one_shot_edges(wave, RATE)
        assert edged[0] == 0.0 and edged[-1] == 0.0, "it begins and ends without a click"
        first = RATE // 200
        assert amplitude_to_db(rms(wave[:first])) - amplitude_to_db(rms(edged[:first])) < 0.5, path.name
        assert np.array_equal(edged[first:-first], wave[first:-first])


def test_wide_sound_summed_is_the_middle_and_its_bass_is_mono() -> None:
    noise = np.random.default_rng(0).standard_normal((2, RATE)).astype(np.float32)
    both = finish.widen(noise[0], noise[1], RATE)
    assert np.abs(both.mean(1) - noise[0]).max() < 1e-6
    assert np.corrcoef(both.T)[0, 1] == pytest.approx(0.6, abs=0.05)
    side = np.abs(np.fft.rfft(both[:, 0] - both[:, 1]))
    assert side[:90].max() < 0.1 * np.median(side[400:])
    assert np.array_equal(finish.widen(noise[0] * 0, noise[1] * 0, RATE), np.zeros((RATE, 2), np.float32))


def test_nine_in_ten_recordings_can_have_the_even_level(drums: Path) -> None:
    waves = [read_wave(path, RATE) for path in sorted(drums.iterdir())]
    level = even_level([active_rms(wave / peak(wave)) for wave in waves])
    reached = [active_rms(finish.level_out(wave, level)) == pytest.approx(level, rel=1e-3) for wave in waves]
    assert sum(reached) >= 9


def test_levels_are_even_unless_the_peak_forbids() -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    short = finish.lengthen(noise[: RATE // 4], RATE)
    for wave in (noise, short):
        assert active_rms(finish.level_out(wave, 0.1)) == pytest.approx(0.1, rel=1e-3)
    spiky = noise.copy()
    spiky[100] = 1.0
    assert amplitude_to_db(peak(finish.level_out(spiky, 0.3))) == pytest.approx(-1, abs=1e-4)
    silence = np.zeros(100, np.float32)
    assert not finish.level_out(silence, 0.1).any()
