"""The demo collection: 24 sounds from physical models, so that a first run needs no recordings.

Each family has several members that differ in pitch, material and stroke as the takes of one recording session do, so
that what is held out resembles what is learned. All draws come from one seed: every machine gets the same collection.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from engine.audio.files.io import write_wave
from engine.audio.levels import from_db, peak
from engine.rng import generator
from engine.tasks.vae.demo.instruments import (
    BEAM,
    BELL,
    MARIMBA,
    MEMBRANE,
    RATE,
    band_noise,
    body,
    breath,
    filtered,
    pluck,
    ring,
    room,
    samples,
    shake,
    strike,
    through,
)

Voice = Callable[[np.random.Generator], np.ndarray]

SEED = 24
_GUITAR = (102.0, 204.0, 225.0, 360.0, 418.0, 530.0, 690.0)


def synthesise_demo(folder: Path) -> None:
    """Write the 24 sounds into ``folder`` (made when missing) as 16-bit WAV, 48 kHz mono. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, wave in demo_sounds().items():
        write_wave(folder / f"{name}.wav", wave, RATE)


def demo_sounds() -> dict[str, np.ndarray]:
    """Name to float32 [samples], 0.4 to 2.5 s, peaks between -9 and -1 dBFS."""
    sounds = {}
    for index, (name, make) in enumerate(_SCORE.items()):
        rng = generator(SEED, "demo", index)
        wave = _finished(room(rng, make(rng)))
        sounds[name] = (wave * (from_db(rng.uniform(-9, -1)) / peak(wave))).astype(np.float32)
    return sounds


def _finished(wave: np.ndarray) -> np.ndarray:
    """Without rumble below 20 Hz and without steps at its ends: a hand damps what still rings, over a sixth of it."""
    wave = filtered(np.pad(wave, (0, RATE)), np.r_[0.0, np.ones(RATE // 40)])[: wave.size]
    into, out = samples(0.0005), wave.size // 6
    wave[:into] *= np.linspace(0, 1, into)
    wave[-out:] *= np.cos(np.linspace(0, np.pi / 2, out)) ** 2
    return wave


def _string(frequency: float, pick: float, brightness: float, decay_s: float, duration_s: float) -> Voice:
    def make(rng: np.random.Generator) -> np.ndarray:
        # Two polarisations, a hair apart in pitch and decay: the sound lives and ends in two stages.
        up = pluck(rng, frequency, duration_s, pick, brightness, decay_s)
        across = pluck(rng, frequency * 1.0007, duration_s, pick * 0.9, brightness, decay_s * 1.8)
        box = body(rng, np.array(_GUITAR) * rng.uniform(0.97, 1.03))
        return through(up + 0.5 * across, box)

    return make


def _bar(
    frequency: float, ratios: tuple[float, ...], decay_s: float, loss: float, contact_s: float, duration_s: float
) -> Voice:
    """loss: how much faster high modes die; 0.3 for metal, 1 for wood."""

    def make(rng: np.random.Generator) -> np.ndarray:
        modes = frequency * np.array(ratios) * (1 + 0.002 * rng.standard_normal(len(ratios)))
        place = rng.uniform(0.42, 0.5)  # near the middle, where the odd modes are strong
        shape = 0.25 + np.abs(np.cos(np.pi * (np.arange(len(ratios)) + 1) * (place - 0.5)))
        decays = decay_s / np.array(ratios) ** loss
        tone = ring(modes, shape * strike(modes, contact_s), decays, duration_s)
        knock = band_noise(rng, tone.size, 300, 0.7 / contact_s) * np.exp(-np.arange(tone.size) / samples(0.004))
        return tone + 0.06 * peak(tone) / peak(knock) * knock

    return make


def _bell(frequency: float, decay_s: float, contact_s: float, duration_s: float, warp: float) -> Voice:
    """warp: how the partials of a bell of another shape spread; 1 is a tuned church bell."""

    def make(rng: np.random.Generator) -> np.ndarray:
        ratios = np.array(BELL) ** warp
        beat = 1 + rng.uniform(0.0004, 0.0018, ratios.size)  # no bell is round: every partial is a pair that beats
        modes = frequency * np.concatenate([ratios, ratios * beat])
        weight = strike(frequency * ratios, contact_s) * np.array([0.5, 0.8, 0.9, 0.5, 1.0, 0.4, 0.5, 0.6] + [0.4] * 5)
        levels = np.concatenate([weight, weight * rng.uniform(0.3, 0.8, ratios.size)])
        decays = np.tile(decay_s / ratios**0.8, 2)
        tone = ring(modes, levels, decays, duration_s)
        clank = band_noise(rng, tone.size, 2500, 9000) * np.exp(-np.arange(tone.size) / samples(0.006))
        wave: np.ndarray = tone + 0.12 * peak(tone) / peak(clank) * clank.astype(np.float32)
        return wave

    return make


def _skin(frequency: float, decay_s: float, bend: float, contact_s: float, duration_s: float) -> Voice:
    """bend: how far the stroke raises the pitch at first, as a part of it."""

    def make(rng: np.random.Generator) -> np.ndarray:
        moment = np.arange(samples(duration_s)) / RATE
        tension = 1 + bend * np.exp(-moment / 0.035)
        ratios = np.array(MEMBRANE)
        levels = strike(frequency * ratios, contact_s) * rng.uniform(0.5, 1.0, ratios.size) / ratios**0.5
        levels[0] = 1.2
        tone = ring(frequency * ratios, levels, decay_s / ratios**1.3, duration_s, tension)
        click = band_noise(rng, tone.size, 600, 6000) * np.exp(-moment / 0.0035)
        wave: np.ndarray = tone + 0.25 * peak(tone) / peak(click) * click.astype(np.float32)
        return wave

    return make


def _snare(frequency: float, decay_s: float, wires: float, colour_hz: float, duration_s: float) -> Voice:
    drum = _skin(frequency, decay_s, 0.08, 0.0012, duration_s)

    def make(rng: np.random.Generator) -> np.ndarray:
        shell = drum(rng)
        moment = np.arange(shell.size) / RATE
        # The wires are thrown off by the stroke and fall back: their noise swells for some milliseconds.
        swell = (1 - np.exp(-moment / 0.003)) * (
            0.7 * np.exp(-moment / 0.045) + 0.3 * np.exp(-moment / (0.6 * decay_s))
        )
        buzz = band_noise(rng, shell.size, colour_hz, 4.5 * colour_hz) * swell
        wave: np.ndarray = shell + wires * peak(shell) / peak(buzz) * buzz.astype(np.float32)
        return wave

    return make


def _shaker(strokes: list[tuple[float, float]], rate: float, tone_hz: float, duration_s: float) -> Voice:
    return lambda rng: shake(rng, duration_s, strokes, rate, tone_hz)


def _wind(low_hz: float, high_hz: float, width: float, duration_s: float) -> Voice:
    def make(rng: np.random.Generator) -> np.ndarray:
        moments = 7
        gust = np.hanning(moments + 2)[1:-1] * rng.uniform(0.6, 1.0, moments)
        path = low_hz * (high_hz / low_hz) ** (0.75 * gust + 0.25 * rng.random(moments))
        centres = np.stack([path, path * 2.3, np.full(moments, 300.0)])
        widths = np.stack([np.full(moments, width), np.full(moments, width * 1.4), np.full(moments, 1.2)])
        levels = np.stack([gust, 0.3 * gust**1.5, 0.12 * gust])
        return breath(rng, duration_s, centres, widths, levels)

    return make


_SCORE: dict[str, Voice] = {
    "string_e2_thumb": _string(82.41, 0.22, 0.25, 2.6, 2.4),
    "string_a2_finger": _string(110.0, 0.17, 0.45, 2.4, 2.2),
    "string_d3_plectrum": _string(146.83, 0.11, 0.8, 2.2, 2.2),
    "string_b3_finger": _string(246.94, 0.15, 0.55, 1.8, 1.8),
    "string_e4_bridge": _string(329.63, 0.06, 0.9, 1.5, 1.6),
    "bar_marimba_a3": _bar(220.0, MARIMBA, 0.9, 0.9, 0.0004, 1.0),
    "bar_marimba_e4": _bar(329.63, MARIMBA, 0.7, 0.9, 0.0003, 0.9),
    "bar_woodblock_c5": _bar(523.25, BEAM, 0.28, 0.7, 0.0003, 0.5),
    "bar_vibraphone_d4": _bar(293.66, MARIMBA, 3.4, 0.45, 0.00025, 2.4),
    "bar_glockenspiel_a5": _bar(880.0, BEAM, 2.8, 0.5, 0.00006, 2.0),
    "bell_church_g3": _bell(196.0, 3.2, 0.0004, 2.5, 1.0),
    "bell_church_d4": _bell(293.66, 2.8, 0.0003, 2.5, 1.0),
    "bell_hand_b4": _bell(493.88, 2.3, 0.00025, 2.2, 1.06),
    "bell_bowl_f4": _bell(349.23, 3.0, 0.0009, 2.5, 1.18),
    "drum_kick_deep": _skin(48.0, 0.7, 1.6, 0.004, 0.8),
    "drum_kick_tight": _skin(62.0, 0.35, 2.2, 0.002, 0.5),
    "drum_snare_tight": _snare(205.0, 0.22, 0.9, 1900.0, 0.5),
    "drum_snare_loose": _snare(178.0, 0.35, 0.7, 1300.0, 0.7),
    "drum_tom_low": _skin(92.0, 0.9, 0.22, 0.002, 1.0),
    "drum_tom_high": _skin(151.0, 0.7, 0.2, 0.0015, 0.8),
    "noise_shaker_short": _shaker([(0.01, 1.0), (0.13, 0.35)], 9000, 5200.0, 0.4),
    "noise_shaker_roll": _shaker([(0.01 + 0.11 * i, [1.0, 0.4, 0.6, 0.4][i % 4]) for i in range(9)], 7000, 4300.0, 1.2),
    "noise_wind_low": _wind(260.0, 700.0, 0.28, 2.4),
    "noise_wind_whistle": _wind(900.0, 2100.0, 0.09, 2.2),
}
