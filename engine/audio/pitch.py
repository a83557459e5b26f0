"""The pitch of a sound, by YIN (de Cheveigné and Kawahara 2002). Letters: T samples, F frames, L lags, W window.

Other than there, a frame counts as periodic or not by one threshold, and a whole sound has one pitch only as far as
its periodic frames agree on it: what glides or clatters has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

LOWEST_HZ = 27.0
HIGHEST_HZ = 4_400.0
PERIODIC = 0.2  # of the normalised difference: a fifth of the power repeats nothing
QUARTER_TONE = 0.5  # semitones
HEARD_DB = 30.0
CLEAR = 0.5  # of a sound's energy, periodic and of one pitch: it has a note
_A4, _A4_HZ = 69, 440.0
_LONGEST_FRAMES = 200


@dataclass(frozen=True)
class Pitch:
    """hz: the fundamental. confidence (0...1): the part of the sound, by energy, that is periodic within a quarter tone
    of it."""

    hz: float
    confidence: float

    @property
    def note(self) -> float:
        """As a MIDI note: A4 (440 Hz) is 69, a semitone is 1."""
        return _A4 + 12 * math.log2(self.hz / _A4_HZ)

    @property
    def key(self) -> int:
        """The nearest whole note."""
        return round(self.note)


def estimate_pitch(wave: np.ndarray, sample_rate: int) -> Pitch | None:
    """The pitch of ``wave`` [T] between 27 and 4,400 Hz; None where nothing in it is periodic."""
    longest = int(sample_rate / LOWEST_HZ)
    frames = _frames(np.asarray(wave, np.float64), 2 * longest)
    energy = np.square(frames).sum(1)
    heard = energy > energy.max(initial=0.0) * 10 ** (-HEARD_DB / 10)
    frames, energy = frames[heard], energy[heard]
    if not len(frames):
        return None
    difference = _normalised_difference(frames, longest)
    shortest = max(2, int(sample_rate / HIGHEST_HZ))
    periods, aperiodic = np.array([_period(row, shortest) for row in difference]).T
    periodic = aperiodic < PERIODIC
    if not periodic.any():
        return None
    notes = 12 * np.log2(sample_rate / periods)
    middle = _weighted_median(notes[periodic], energy[periodic])
    agree = periodic & (np.abs(notes - middle) < QUARTER_TONE)
    note = float(np.average(notes[agree], weights=energy[agree]))
    return Pitch(float(2 ** (note / 12)), float(energy[agree].sum() / energy.sum()))


def clear_pitch(wave: np.ndarray, sample_rate: int) -> Pitch | None:
    """The pitch of ``wave`` [T] or [T, C] where at least half of its energy has it; None where there is no such one."""
    pitch = estimate_pitch(wave if wave.ndim == 1 else wave.mean(1), sample_rate)
    return pitch if pitch is not None and pitch.confidence >= CLEAR else None


def _frames(wave: np.ndarray, length: int) -> np.ndarray:
    """[F, length], half overlapping, at most 200 of them evenly spread; a shorter sound is one frame with silence."""
    padded = np.pad(wave, (0, max(0, length - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[:: length // 2]
    places = np.linspace(0, len(frames) - 1, min(len(frames), _LONGEST_FRAMES)).round().astype(int)
    return np.asarray(frames[np.unique(places)])


def _normalised_difference(frames: np.ndarray, longest: int) -> np.ndarray:
    """d'(lag) [F, L] of the paper (its equation 8) for lags 0 to ``longest`` over a window of the same length."""
    size = 1 << (frames.shape[1] + longest).bit_length()
    head = frames[:, :longest]
    product = np.fft.irfft(np.fft.rfft(frames, size) * np.conj(np.fft.rfft(head, size)), size)[:, : longest + 1]
    power = np.cumsum(np.pad(np.square(frames), ((0, 0), (1, 0))), axis=1)
    shifted = power[:, longest : 2 * longest + 1] - power[:, : longest + 1]  # energy of the window at each lag
    difference = np.maximum(shifted[:, :1] + shifted - 2 * product, 0.0)
    lags = np.arange(1, longest + 1)
    total = np.cumsum(difference[:, 1:], axis=1)
    normal = difference[:, 1:] * lags / np.maximum(total, 1e-20)
    return np.concatenate([np.ones((len(frames), 1)), normal], axis=1)


def _period(difference: np.ndarray, shortest: int) -> tuple[float, float]:
    """(period in samples, how aperiodic) of d' [L]: the first dip below the threshold, else the deepest.

    A short period is measured over eight of its kind: the parabola through three lags is off by 9 cents where a period
    is eleven samples, by less than one so.
    """
    below = np.flatnonzero(difference[shortest:-1] < PERIODIC / 2)
    first = _dip(
        difference, int(below[0]) + shortest if len(below) else int(difference[shortest:-1].argmin()) + shortest
    )
    aperiodic = float(difference[round(first)])
    many = max(1, min(8, int((len(difference) - 2) / 2 / first)))
    later = _dip(difference, round(many * first))
    clear = abs(later / many - first) < 1 / many and difference[round(later)] < PERIODIC
    return later / many if clear else first, aperiodic


def _dip(difference: np.ndarray, at: int) -> float:
    """The lag of the minimum of d' that lies beside ``at``, between the samples."""
    while at > 1 and difference[at - 1] < difference[at]:
        at -= 1
    while at + 2 < len(difference) and difference[at + 1] < difference[at]:
        at += 1
    left, middle, right = difference[at - 1 : at + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 1e-12 else 0.0
    return at + float(np.clip(shift, -0.5, 0.5))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = values.argsort()
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
