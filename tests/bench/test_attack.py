"""The rulers of attacks, on waves that were made so that the answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.attack import beginning, compare, envelope, led_in, modulation_distance, onset_ms, rise_ms, swell_db
from tests.bench.scoring import RATE

MS = RATE // 1000


def stroke(rise: int = 0, seconds: float = 0.5, seed: int = 0) -> np.ndarray:
    """Noise that dies away 60 dB in 0.5 s, after ``rise`` ms of straight rise."""
    count = round(seconds * RATE)
    moment = np.arange(count) / RATE
    gain = np.minimum(1, moment / max(1e-9, rise / 1000)) * np.exp(-6.9 * np.maximum(0, moment - rise / 1000) / 0.5)
    signs = np.sign(np.random.default_rng(seed).standard_normal(count))  # of one level, so that the envelope is known
    return (gain * signs).astype(np.float32)


def test_a_sound_begins_as_itself() -> None:
    found = compare(stroke(), stroke())
    assert found.pop("pre_db") == -60
    assert all(value == pytest.approx(0, abs=1e-6) for value in found.values())


def test_the_onset_comes_after_the_silence_put_in_front() -> None:
    assert onset_ms(envelope(led_in(stroke()))) == 50
    late = np.concatenate([np.zeros(7 * MS, np.float32), stroke()])
    assert onset_ms(envelope(led_in(late))) == 57


@pytest.mark.parametrize("rise", [10, 40])
def test_a_slow_rise_is_as_long_as_it_was_made(rise: int) -> None:
    assert rise_ms(envelope(stroke(rise))) == pytest.approx(0.8 * rise, abs=2)
    assert compare(stroke(), stroke(rise))["attack_ms"] == pytest.approx(0.8 * rise, abs=2)


def test_a_hiss_before_the_onset_is_heard_at_its_level() -> None:
    late = np.concatenate([np.zeros(60 * MS, np.float32), np.ones(90 * MS, np.float32)])
    hissing = late.copy()
    hissing[: 60 * MS] = 0.01
    found = compare(late, hissing)
    assert found["pre_db"] == pytest.approx(-40, abs=0.01)
    assert found["env_db"] == pytest.approx(20 * 20 / 100, abs=0.01), "20 of 100 ms at -40 dB instead of below -60"


def test_a_beginning_faded_away_costs_its_energy() -> None:
    faded = stroke()
    faded[: 5 * MS] *= 0.5
    found = compare(stroke(), faded)
    assert (found["f5_db"], found["first_db"]) == (pytest.approx(-6.02, abs=0.01), pytest.approx(6.02, abs=0.01))
    assert found["env_db"] == pytest.approx(5 * 6.02 / 100, abs=0.01)
    assert found["fine_db"] > 0


def test_an_envelope_that_shakes_has_another_modulation() -> None:
    moment = np.arange(1000) / 1000
    shaken = 1 + 0.5 * np.sin(2 * np.pi * 20 * moment)
    assert modulation_distance(shaken, 3 * shaken) == pytest.approx(0, abs=1e-9), "whatever its level"
    twice = 1 + 0.05 * np.sin(2 * np.pi * 20 * moment)
    assert modulation_distance(shaken, twice) == pytest.approx(2 / 8, abs=1e-6), "20 dB in one of eight octaves"


def test_a_sound_that_comes_again_swells_by_how_far_it_rises() -> None:
    level = np.concatenate([np.full(50, 1.0), np.full(50, 0.1), np.full(50, 0.5), np.full(50, 0.05)])
    assert swell_db(level) == pytest.approx(20 * np.log10(5), abs=1e-6)
    assert swell_db(envelope(stroke())) < 0.2


def test_one_sound_is_described_by_itself() -> None:
    found = beginning(np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE))
    assert found["crest_db"] == pytest.approx(3.01, abs=0.01)
    assert found["attack_ms"] == 0
    assert found["f5_db"] == pytest.approx(10 * np.log10(5 / 20), abs=0.01)
