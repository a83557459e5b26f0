"""The pitch estimate, held against tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.pitch import clear_pitch, estimate_pitch

RATE = 48_000
MOMENT = np.arange(round(0.6 * RATE)) / RATE
NOTES = [note + 0.37 for note in range(24, 109, 6)]  # C1 to C8, between the keys


def partials(hz: float) -> range:
    return range(1, max(2, min(40, int(20_000 / hz))))


def saw(hz: float) -> np.ndarray:
    return np.sum([np.sin(2 * np.pi * hz * k * MOMENT + k) / k for k in partials(hz)], axis=0)


def noisy(hz: float) -> np.ndarray:
    tone = saw(hz)
    return tone + 0.1 * tone.std() * np.random.default_rng(0).standard_normal(len(tone))


TONES = {
    "sine": lambda hz: np.sin(2 * np.pi * hz * MOMENT),
    "saw": saw,
    "plucked": lambda hz: np.sum(
        [np.sin(2 * np.pi * hz * k * MOMENT + k) / k * np.exp(-3 * k * MOMENT) for k in partials(hz)], axis=0
    ),
    "no fundamental": lambda hz: saw(hz) - np.sin(2 * np.pi * hz * MOMENT + 1) if hz < 4_000 else saw(hz),
    "noise 20 dB below": noisy,
}


@pytest.mark.parametrize("kind", TONES)
def test_tones_from_c1_to_c8_are_found_within_a_cent(kind: str) -> None:
    for note in NOTES:
        found = estimate_pitch(TONES[kind](440 * 2 ** ((note - 69) / 12)), RATE)
        assert found is not None and found.confidence > 0.99
        assert abs(found.note - note) < 0.01, f"{kind} at {note}: off by {100 * (found.note - note):.2f} cents"


def test_level_and_rate_change_nothing() -> None:
    for rate in (22_050, 44_100, 96_000):
        wave = 1e-3 * np.sin(2 * np.pi * 220 * np.arange(rate) / rate)
        found = estimate_pitch(wave.astype(np.float32), rate)
        assert found is not None and found.hz == pytest.approx(220, rel=1e-4)


def test_noise_silence_and_clicks_have_none() -> None:
    noise = np.random.default_rng(1).standard_normal(RATE // 2)
    click = np.zeros(4_800)
    click[100] = 1
    for wave in (noise, np.zeros(4_800), np.zeros(0), click):
        found = estimate_pitch(wave, RATE)
        assert found is None or found.confidence < 0.1


def test_a_sound_is_as_sure_of_its_pitch_as_it_keeps_it() -> None:
    glide = np.sin(2 * np.pi * (100 * MOMENT + 600 * MOMENT**2))
    half = np.concatenate([TONES["sine"](330.0), 0.7 * np.random.default_rng(2).standard_normal(len(MOMENT))])
    moving, mixed = estimate_pitch(glide, RATE), estimate_pitch(half, RATE)
    assert moving is None or moving.confidence < 0.3
    assert mixed is not None and mixed.hz == pytest.approx(330, rel=1e-3) and 0.4 < mixed.confidence < 0.6


def test_a_pitch_is_clear_where_half_of_the_sound_has_it() -> None:
    tone, noise = saw(261.6), np.random.default_rng(1).standard_normal(len(MOMENT))
    found = clear_pitch(tone, RATE)
    assert found is not None and found.key == 60
    both = clear_pitch(np.stack([tone, 0.5 * tone], axis=1), RATE)
    assert both is not None and both.key == 60, "of all channels together"
    mostly = np.concatenate([noise, 0.5 * tone / tone.std()])
    assert estimate_pitch(mostly, RATE) is not None and clear_pitch(mostly, RATE) is None
    assert clear_pitch(np.zeros(4_800), RATE) is None
