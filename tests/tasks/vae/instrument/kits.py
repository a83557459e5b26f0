"""Kits of tones and noise whose every sample is known; no model made them."""

from __future__ import annotations

import numpy as np

from engine.audio.files.io import wave_bytes
from engine.audio.files.marks import Marks
from engine.tasks.vae.instrument.model import Instrument, Kit, Loop, Sample, Zone

RATE = 48_000
RING_S = 1.2


def struck(hz: float, peak: float = 0.8, seconds: float = RING_S) -> np.ndarray:
    """A tone that rings out."""
    moment = np.arange(round(seconds * RATE)) / RATE
    wave = np.sin(2 * np.pi * hz * moment) * np.exp(-2 * moment)
    wave[-240:] *= np.linspace(1, 0, 240)
    return (peak * wave).astype(np.float32)


def hum(hz: float = 300.0, peak: float = 0.5) -> np.ndarray:
    """A third of a second that can go round and round: whole periods of a chord."""
    moment = np.arange(RATE // 3) / RATE
    return (peak / 2 * (np.sin(2 * np.pi * hz * moment) + np.sin(2 * np.pi * 1.5 * hz * moment))).astype(np.float32)


WAVES = {
    "drums-001.wav": struck(220.0),
    "drums-002.wav": struck(660.0, peak=0.4),
    "drums-003-v1-r1.wav": struck(300.0, peak=0.5),
    "drums-003-v1-r2.wav": struck(310.0, peak=0.5),
    "drums-003-v2-r1.wav": struck(500.0, peak=0.5),
    "drums-003-v2-r2.wav": struck(510.0, peak=0.5),
    "drums-004.wav": hum(),
    "drums-005.wav": np.stack([struck(400.0), struck(800.0)], axis=1),
    "drums-006.wav": struck(452.0),
}
LOOP = Loop(0, len(WAVES["drums-004.wav"]))


def kit() -> Kit:
    """Keys 36 and 37 choke one another, 38 has two layers of two turns, 39 loops, 40 is stereo; 452 Hz over all."""
    turning = (
        Zone(f"drums-003-v{layer}-r{turn}.wav", "03", 38, 38, 38, low, high, position=turn, turns=2)
        for layer, (low, high) in enumerate(((1, 63), (64, 127)), 1)
        for turn in (1, 2)
    )
    drums = (
        Zone("drums-001.wav", "01 A3", 36, 36, 36, choke=1),
        Zone("drums-002.wav", "02", 37, 37, 37, choke=1),
        *turning,
        Zone("drums-004.wav", "04", 39, 39, 39, loop=LOOP),
        Zone("drums-005.wav", "05", 40, 40, 40),
    )
    tuned = (Zone("drums-006.wav", "06 A4", 69, 0, 127, tune=-46.56),)
    samples = {
        name: Sample(wave, RATE, wave_bytes(wave, RATE, "PCM_24", marks=Marks(loop=name == "drums-004.wav")))
        for name, wave in WAVES.items()
    }
    return Kit("drums", "tones", (Instrument("drums", drums), Instrument("drums 06 A4", tuned)), samples)
