"""The pitch estimate, held against tones whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest

from engine.audio.pitch import _is_borne, clear_pitch, estimate_pitch

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


@pytest.mark.parametrize("rate", [0, -48_000])
def test_a_rate_that_is_none_is_refused(rate: int) -> None:
    for estimate in (estimate_pitch, clear_pitch):
        with pytest.raises(ValueError, match=f"above 0 Hz, not {rate}"):
            estimate(np.ones(100), rate)


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


def struck(hz: float, modes: dict[float, float]) -> np.ndarray:
    """Modes as multiples of ``hz`` with their amplitudes; the higher, the sooner each has died away."""
    waves = [loud * np.sin(2 * np.pi * hz * k * MOMENT) * np.exp(-(5 + 3 * k) * MOMENT) for k, loud in modes.items()]
    return np.sum(waves, axis=0)


MEMBRANE = {1: 1.0, 1.59: 0.3, 2.14: 0.2, 2.3: 0.1, 2.65: 0.1, 2.92: 0.05}
KETTLE = {1: 1.0, 1.5: 0.45, 1.99: 0.12, 2.44: 0.06, 2.9: 0.06}  # a membrane with air under it
BAR = {1: 1.0, 2.76: 0.4}


@pytest.mark.parametrize("hz", [110.0, 165.0, 220.0])
def test_a_drum_has_the_pitch_of_its_lowest_mode_and_not_one_where_several_meet(hz: float) -> None:
    found = clear_pitch(struck(hz, MEMBRANE), RATE)
    assert found is not None and abs(12 * np.log2(found.hz / hz)) < 0.15


@pytest.mark.parametrize(
    ("modes", "hz"),
    [*((KETTLE, hz) for hz in (65.0, 105.0, 220.0, 440.0)), *((BAR, hz) for hz in (440.0, 871.0, 1_200.0))],
)
def test_no_drum_or_bar_is_told_a_pitch_at_which_nothing_sounds(modes: dict[float, float], hz: float) -> None:
    """A period fits two modes that belong to no one tone: an octave below the lowest, or half a semitone beside it."""
    found = clear_pitch(struck(hz, modes), RATE)
    assert found is None or abs(12 * np.log2(found.hz / hz)) < 1 / 3


@pytest.mark.parametrize("hz", [41.2, 110.0, 440.0, 1_500.0])
def test_a_tone_without_its_fundamental_has_its_pitch_by_partials_that_its_octave_has_not(hz: float) -> None:
    def of(*partials: int) -> np.ndarray:
        return np.sum([np.sin(2 * np.pi * hz * k * MOMENT + k) / k for k in partials], axis=0)

    found, octave = clear_pitch(of(2, 3, 4, 5), RATE), clear_pitch(of(2, 4, 6), RATE)
    assert found is not None and found.hz == pytest.approx(hz, rel=1e-3)
    assert octave is not None and octave.hz == pytest.approx(2 * hz, rel=1e-3)


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_an_offset_says_nothing_of_a_pitch(offset: float) -> None:
    found = clear_pitch(saw(330.0) + offset, RATE)
    assert found is not None and found.hz == pytest.approx(330, rel=1e-3)


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 96_000])
def test_a_tone_is_not_taken_for_its_octave_at_any_rate(rate: int) -> None:
    for hz in (55.0, 440.0, 1_760.0, 3_520.0):
        for seconds in (0.12, 0.6):
            found = estimate_pitch(np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate), rate)
            assert found is not None and found.hz == pytest.approx(hz, rel=5e-4)


@pytest.mark.parametrize("hz", [24.0, 5_000.0, 7_000.0])
def test_what_lies_beyond_its_range_has_none(hz: float) -> None:
    for rate in (16_000, 22_050, RATE):
        assert estimate_pitch(np.sin(2 * np.pi * hz * np.arange(rate) / rate), rate) is None


@pytest.mark.parametrize("ratio", [2.3, 2.4, 2.756, 2.9, 3.0])
def test_no_bar_is_told_out_of_tune(ratio: float) -> None:
    """Its second mode pulls the period: by up to 39 cents where no rule stands in the way."""
    t = np.arange(48_000) / 48_000
    bar = np.sin(2 * np.pi * 150 * t) * np.exp(-8 * t) + 0.3 * np.sin(2 * np.pi * ratio * 150 * t) * np.exp(-12 * t)
    found = clear_pitch(bar.astype(np.float32), 48_000)
    assert found is None or abs(1200 * np.log2(found.hz / 150)) < 34


@pytest.mark.parametrize(("others", "told"), [((0.3, 0.2), True), ((0.5, 0.3), False)])
@pytest.mark.parametrize("hz", [70, 105, 150, 220])
def test_a_membrane_has_the_pitch_of_a_lowest_mode_that_is_by_far_the_loudest(
    hz: float, others: tuple[float, float], told: bool
) -> None:
    t = np.arange(48_000) / 48_000
    modes = zip((1.0, *others), (1.0, 1.593, 2.135), strict=True)
    drum = sum(part * np.sin(2 * np.pi * hz * mode * t) * np.exp(-8 * mode * t) for part, mode in modes)
    found = clear_pitch(np.asarray(drum, np.float32), 48_000)
    assert (found is not None and abs(1200 * np.log2(found.hz / hz)) < 34) if told else found is None


def test_what_is_loudest_at_half_the_rate_or_nowhere_bears_no_pitch() -> None:
    shrill = np.where(np.arange(4_096) % 2, -1.0, 1.0)[None]
    assert not _is_borne(440.0, shrill, 48_000) and not _is_borne(440.0, np.zeros((1, 4_096)), 48_000)
