"""What the bench of a kit's formats says of a player that is late, too quiet on one key, or plays something else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.kit_formats import Play, strike
from tests.tasks.vae.instrument.players import RATE, Note

DRAWS = np.random.default_rng(0)
SAMPLES = {key: DRAWS.standard_normal(RATE // 2) * np.exp(-np.arange(RATE // 2) / 6_000) for key in (36, 37, 38)}


def player(late: int = 0, gains: dict[int, float] | None = None, other: int | None = None) -> Play:
    def play(notes: list[Note], seconds: float) -> np.ndarray:
        out = np.zeros(round(seconds * RATE))
        for note in notes:
            wave = SAMPLES[37 if note.key == other else note.key] * (gains or {}).get(note.key, 1.0)
            start = round(note.start * RATE) + late
            out[start : start + len(wave)] += wave
        return np.stack([out, out], 1)

    return play


def test_a_player_that_does_as_the_kit_says_has_no_fault() -> None:
    assert strike(SAMPLES, player()) == pytest.approx(
        {"onset_ms": 0, "onset_most_ms": 0, "level_db": 0, "likeness": 1}, abs=1e-6
    )


def test_what_is_late_too_quiet_or_another_sound_is_seen() -> None:
    assert strike(SAMPLES, player(late=48))["onset_ms"] == pytest.approx(1.0)
    assert strike(SAMPLES, player(gains={38: 0.5}))["level_db"] == pytest.approx(6.02, abs=0.01)
    assert strike(SAMPLES, player(other=38))["likeness"] < 0.1
