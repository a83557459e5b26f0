"""How a sound begins: what a spectrogram of 2048 samples cannot hear. Any wave [T] at 48 kHz beside its original.

All look at the 1-ms envelope (RMS of 48 samples, every 48) with 50 ms of silence put in front. The onset is the first
millisecond within 30 dB of the loudest one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from tests.bench.scoring import RATE, spectrum

MS = RATE // 1000
LEAD_MS = 50
ONSET_DB = 30.0
QUIET_DB, ABOVE_DB = -60.0, 9.0
MODULATION_HZ = (2, 4, 8, 16, 32, 64, 128, 256, 500)
MODULATION_FLOOR_DB = -40.0
FIRST_MS = 100
SWELL_MS, SWELL_FLOOR_DB = 20, -40.0
N_FFT = 512
_TINY = 1e-10


def led_in(wave: np.ndarray) -> np.ndarray:
    """``wave`` with 50 ms of silence before it."""
    return np.pad(np.asarray(wave, dtype=np.float64), (LEAD_MS * MS, 0))


def envelope(wave: np.ndarray) -> np.ndarray:
    """RMS of every whole millisecond [ms]."""
    whole = len(wave) // MS * MS
    return np.sqrt(np.square(wave[:whole].reshape(-1, MS)).mean(1))


def onset_ms(level: np.ndarray) -> int:
    """Of an envelope [ms]: the first millisecond within 30 dB of the loudest; 0 in silence."""
    return int(np.argmax(level >= level.max() * 10 ** (-ONSET_DB / 20)))


def rise_ms(level: np.ndarray) -> int:
    """From the first millisecond at a tenth of the loudest to the first at nine tenths."""
    top = level.max()
    return int(np.argmax(level >= 0.9 * top) - np.argmax(level >= 0.1 * top))


def crest_db(wave: np.ndarray) -> float:
    """Peak over RMS."""
    peak, mean = np.abs(wave).max(initial=0.0), np.square(np.asarray(wave, np.float64)).mean()
    return float(20 * np.log10((peak + _TINY) / (np.sqrt(mean) + _TINY)))


def swell_db(level: np.ndarray) -> float:
    """How far an envelope [ms] rises again after its loudest, from -40 dB up: RMS over 20 ms, as noise alone rises."""
    power = np.convolve(np.square(level), np.ones(SWELL_MS) / SWELL_MS, "valid" if len(level) >= SWELL_MS else "same")
    after = np.maximum(_db(np.sqrt(power / max(power.max(), _TINY**2))), SWELL_FLOOR_DB)[int(power.argmax()) :]
    return float((after - np.minimum.accumulate(after)).max(initial=0.0))


def first_part_db(level: np.ndarray, part: int = 5, whole: int = 20) -> float:
    """Energy of the first ``part`` ms from the onset against the first ``whole``."""
    power = np.square(level[onset_ms(level) :])
    return float(10 * np.log10((power[:part].sum() + _TINY**2) / (power[:whole].sum() + _TINY**2)))


def beginning(wave: np.ndarray) -> dict[str, float]:
    """What is said of one sound [T] alone: attack_ms, f5_db (its first 5 ms against 20), crest_db, swell_db."""
    level = envelope(led_in(wave))
    return {
        "attack_ms": float(rise_ms(level)),
        "f5_db": first_part_db(level),
        "crest_db": crest_db(wave),
        "swell_db": swell_db(level),
    }


def modulation_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Mean |difference| in bels of how strongly two envelopes [ms] move, in octaves from 2 to 500 Hz, floored 40 dB
    below the mean level."""
    strengths = []
    for level in (one, other):
        power = np.abs(np.fft.rfft(level / max(level.mean(), _TINY))) ** 2 / len(level) ** 2
        hertz = np.fft.rfftfreq(len(level), 0.001)
        bands = [power[(hertz >= low) & (hertz < high)].sum() for low, high in pairwise(MODULATION_HZ)]
        strengths.append(np.log10(np.maximum(bands, 10 ** (MODULATION_FLOOR_DB / 10))))
    return float(np.abs(strengths[0] - strengths[1]).mean())


def fine_db(original: np.ndarray, other: np.ndarray) -> float:
    """Mean |dB| between spectra of 512 points of two waves of one length, floored 60 dB below the original's."""
    powers = [spectrum(wave, N_FFT).square() for wave in (original, other)]
    top = powers[0].max().clamp_min(1e-20)
    ours, theirs = ((10 * torch.log10(power.clamp_min(1e-20) / top)).clamp_min(QUIET_DB) for power in powers)
    return float((ours - theirs).abs().mean())


def compare(original: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """How ``other`` [T] begins beside its ``original`` [T], level for level; 0 is the best of all but ``pre_db``.

    attack_ms: |difference| of the rises. pre_db: energy in the 40 ms before the original's onset against the 40 ms
    after it. env_db: mean |dB| of the envelope from 20 ms before to 80 ms after the onset, both clipped to -60 ... 9 dB
    of the original's loudest. f5_db: energy of the first 5 ms, other over original, and first_db its absolute value.
    modulation: :func:`modulation_distance`. fine_db: :func:`fine_db` of the first 100 ms.
    """
    other = np.pad(other, (0, max(0, len(original) - len(other))))[: len(original)]
    waves = [led_in(original), led_in(other)]
    ours, theirs = (envelope(wave) for wave in waves)
    start, top = onset_ms(ours), max(float(ours.max()), _TINY)
    around = slice(max(0, start - 20), start + 80)
    near, far = (np.clip(_db(level[around] / top), QUIET_DB, ABOVE_DB) for level in (ours, theirs))
    five = slice(start, start + 5)
    gain = 10 * np.log10((np.square(theirs[five]).sum() + _TINY**2) / (np.square(ours[five]).sum() + _TINY**2))
    first = slice(start * MS, (start + FIRST_MS) * MS)
    return {
        "attack_ms": float(abs(rise_ms(ours) - rise_ms(theirs))),
        "pre_db": _pre_db(theirs, start),
        "env_db": float(np.abs(near - far).mean()),
        "f5_db": float(gain),
        "first_db": float(abs(gain)),
        "modulation": modulation_distance(ours, theirs),
        "fine_db": fine_db(waves[0][first], waves[1][first]),
    }


def _pre_db(level: np.ndarray, start: int) -> float:
    """Energy in the 40 ms before ``start`` against the 40 ms after it, at least -60 dB."""
    power = np.square(level)
    before, after = power[max(0, start - 40) : start].sum(), power[start : start + 40].sum()
    return float(max(QUIET_DB, 10 * np.log10((before + _TINY**2) / (after + _TINY**2))))


def _db(ratio: np.ndarray) -> np.ndarray:
    return np.asarray(20 * np.log10(np.maximum(ratio, _TINY)))


def distributions(sounds: Sequence[np.ndarray]) -> dict[str, list[float]]:
    """Quartiles of :func:`beginning` over sounds."""
    found = [beginning(wave) for wave in sounds]
    return {name: [round(float(v), 2) for v in np.quantile([one[name] for one in found], (0.25, 0.5, 0.75))]
            for name in found[0]}  # fmt: skip
