"""The last touches to a sound that was made: edges, loops, width and level. Waves are float, full scale is 1."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray

from engine.audio.levels import active_rms, at_level, rms

Wave = NDArray[np.float32]

FADE_S = 0.005
ATTACK_S = 0.00025
WIDTH = 0.5
_MONO_BELOW_HZ = 150.0
_AROUND = 4096


def fade_edges(wave: Wave, sample_rate: int, in_s: float = FADE_S, out_s: float = FADE_S) -> Wave:
    """``wave`` [T] or [T, C] with raised-cosine edges, so that it begins and ends at zero."""
    out = wave.copy()
    for seconds, side in ((in_s, out), (out_s, out[::-1])):
        length = min(round(seconds * sample_rate), len(wave) // 2)
        rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(length, dtype=np.float32) / max(1, length))
        side[:length] *= _columns(rise, wave)
    return out


def one_shot_edges(wave: Wave, sample_rate: int, out_s: float = FADE_S) -> Wave:
    """``wave`` [T] or [T, C] from zero to zero, its attack kept.

    Recordings of strokes begin at once: over 20 drums a fade-in of 5 ms takes 3.9 dB off their first 5 ms (5.5 at
    worst), one of 0.25 ms 0.02 dB (0.2).
    """
    return fade_edges(wave, sample_rate, in_s=ATTACK_S, out_s=out_s)


def _columns(gain: NDArray[np.floating], wave: Wave) -> Wave:
    """``gain`` [T] shaped to multiply ``wave`` [T] or [T, C]."""
    return gain.astype(np.float32).reshape(-1, *[1] * (wave.ndim - 1))


def lengthen(wave: Wave, samples: int) -> Wave:
    """``wave`` [T] or [T, C] with silence after it, up to ``samples``."""
    missing = max(0, samples - len(wave))
    return np.concatenate([wave, np.zeros((missing, *wave.shape[1:]), np.float32)])


def delay(wave: Wave, samples: int) -> Wave:
    """``wave`` [T] or [T, C] with ``samples`` of silence before it."""
    return np.concatenate([np.zeros((samples, *wave.shape[1:]), np.float32), wave])


def fold(wave: Wave, samples: int) -> Wave:
    """A loop of ``samples``: what rings on past its end is heard at its beginning, as when it is played again."""
    turns = -(-len(wave) // samples)
    return np.asarray(lengthen(wave, turns * samples).reshape(turns, samples, *wave.shape[1:]).sum(0))


def crossfade_loop(wave: Wave, samples: int) -> Wave:
    """A loop of ``samples`` out of a longer steady wave [T] or [T, C]: its rest fades out over its beginning.

    The last sample is followed by the one that followed it in ``wave``. The gains keep the power for the correlation
    that the two parts really have.
    """
    length = len(wave) - samples
    head, tail = wave[:length], wave[samples:]
    place = (np.arange(length, dtype=np.float32) + 1) / (length + 1)
    rise, fall = (_columns(part(np.pi / 2 * place), wave) for part in (np.sin, np.cos))
    energy = float(np.sqrt(np.square(head).sum() * np.square(tail).sum()))
    correlation = float((head * tail).sum()) / energy if energy else 0.0
    gain = 1 / np.sqrt(np.maximum(1 + 2 * rise * fall * correlation, 0.1))
    out = wave[:samples].copy()
    out[:length] = gain * (rise * head + fall * tail)
    return out


def widen(middle: Wave, other: Wave, sample_rate: int) -> Wave:
    """Left and right [T, 2] of two waves of one spectrum and different phases: middle plus and minus ``other``.

    Summed to mono it is ``middle`` again, sample for sample. Below 150 Hz both sides are the same; above, the
    difference is half as loud as the sum.
    """
    side = _high_pass(other, sample_rate)
    side *= WIDTH * min(1.0, rms(middle) / max(rms(side), 1e-9))
    return np.stack([middle + side, middle - side], axis=1)


def _high_pass(wave: Wave, sample_rate: int) -> Wave:
    """Without what lies below 150 Hz; zero phase, by a smooth edge an octave wide."""
    length = 1 << max(1, (len(wave) * 2 - 1).bit_length())
    frequency = np.fft.rfftfreq(length, 1 / sample_rate)
    octaves = np.log2(np.maximum(frequency, 1e-3) / _MONO_BELOW_HZ)
    gain = 0.5 - 0.5 * np.cos(np.pi * np.clip(octaves + 0.5, 0, 1))
    return np.fft.irfft(np.fft.rfft(wave, length) * gain, length)[: len(wave)].astype(np.float32)


def level_out(wave: Wave, target: float) -> Wave:
    """``wave`` [T] or [T, 2] with its active RMS at ``target``, quieter where its peak would pass -1 dBFS.

    Silence stays silence.
    """
    return at_level(wave, active_rms(wave if wave.ndim == 1 else wave.mean(1)), target)


def resample(wave: Wave, rate: int, wanted: int, *, samples: int | None = None, loop: bool = False) -> Wave:
    """``wave`` [T] or [T, C] at another rate, ``samples`` long; by itself as long in time, to the nearest sample.

    A loop is resampled as if it went round and round, by the ratio of both lengths: by that of the rates, which differs
    by less than a sample over the whole, its last sample would not lie one step before its first.
    """
    if rate == wanted:
        return wave
    samples = samples or round(len(wave) * wanted / rate)
    if not loop:
        other = soxr.resample(wave, rate, wanted, quality="VHQ")
        return lengthen(np.asarray(other[:samples], dtype=np.float32), samples)
    turns = -(-_AROUND // len(wave))
    places = np.arange(-turns * len(wave), len(wave) + _AROUND) % len(wave)
    other = soxr.resample(wave[places], len(wave), samples, quality="VHQ")
    return np.asarray(other[turns * samples :][:samples], dtype=np.float32)
