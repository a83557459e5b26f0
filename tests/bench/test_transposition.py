"""What the bench of transpositions says of sounds whose pitch and colour are known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.scoring import RATE
from tests.bench.transposition import Tone, asks, figures, resampled, split


def tone(note: float, instrument: str = "saw", bright: float = 1.0) -> Tone:
    """Half a second of eight partials that grow weaker, the faster the less ``bright``."""
    hz, time = 440 * 2 ** ((note - 69) / 12), np.arange(RATE // 2) / RATE
    wave = sum(np.sin(2 * np.pi * hz * k * time) * bright**k / k for k in range(1, 9))
    return Tone(instrument, note, (np.asarray(wave) / np.abs(wave).max()).astype(np.float32))


def test_a_resampled_tone_has_the_wanted_pitch_and_the_tone_itself_has_not() -> None:
    given, wanted = tone(62), tone(69)
    moved, error = figures(wanted, resampled(given.wave, 7))
    beside, far = figures(wanted, given.wave)
    assert moved is not None and moved < 2 and beside == pytest.approx(700, abs=2)
    assert error < far / 2


def test_another_colour_costs_and_another_level_does_not() -> None:
    wanted = tone(69)
    assert figures(wanted, 0.1 * wanted.wave)[1] < 0.1 < 2 < figures(wanted, tone(69, bright=0.5).wave)[1]


def test_noise_has_no_pitch_to_be_wrong() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE // 2).astype(np.float32)
    assert figures(tone(69), noise)[0] is None


def test_every_second_note_is_kept_and_asked_of_its_own_instrument_within_an_octave() -> None:
    found = [tone(note, name) for name in ("flute", "horn") for note in (60, 64, 70, 77)]
    learned, kept = split(found)
    assert [one.note for one in learned] == [60, 70] * 2 and [one.note for one in kept] == [64, 77] * 2
    pairs = [(ask.given.note, ask.wanted.note) for ask in asks(learned, kept)]
    assert pairs == [(60, 64), (70, 64), (70, 77)] * 2
