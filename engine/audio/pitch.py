"""The pitch of a sound, by YIN (de Cheveigné and Kawahara 2002). Letters: T samples, F frames, L lags, W window.

Other than there, a frame counts as periodic or not by one threshold, its period is the first that repeats nearly as
well as the best one (as in McLeod and Wyvill 2005), and a whole sound has one pitch only as far as its periodic frames
agree on it: what glides or clatters has none, nor what repeats only where several of its partials happen to meet. What
YIN finds must be borne by the spectrum: a period that fits modes of a drum or a bar is none of their pitch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import soxr

LOWEST_HZ = 27.0
HIGHEST_HZ = 4_400.0
PERIODIC = 0.2  # of the normalised difference: a fifth of the power repeats nothing
NEARLY = 0.85  # of what the best period repeats: a drum repeats still better after several of its own
QUARTER_TONE = 0.5  # semitones
BORNE_DB = 20.0  # below the loudest partial: so much is heard of those that bear a pitch
ODD = (3, 5, 7, 9)  # partials that the octave has not
IN_TUNE = 2 ** (1 / 36)  # a third of a semitone: a period between two partials of no one tone lies farther off both
LOWEST_RATE = 44_100  # at 8 kHz four samples are a period of a high tone: too few to tell it from its octave
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
    """The pitch of ``wave`` [T] between 27 and 4,400 Hz; None where nothing in it is periodic. sample_rate: in Hz,
    ``ValueError`` unless it is above 0."""
    if sample_rate <= 0:
        raise ValueError(f"a sound has samples at a rate above 0 Hz, not {sample_rate}")
    if sample_rate < LOWEST_RATE and len(wave):
        times = -(-LOWEST_RATE // sample_rate)
        wave, sample_rate = soxr.resample(wave, sample_rate, times * sample_rate), times * sample_rate
    longest = int(sample_rate / LOWEST_HZ)
    frames = _frames(np.asarray(wave, np.float64), 2 * longest)
    energy = np.square(frames).sum(1)
    heard = energy > energy.max(initial=0.0) * 10 ** (-HEARD_DB / 10)
    frames, energy = frames[heard], energy[heard]
    if not len(frames):
        return None
    difference = _normalised_difference(frames, longest)
    shortest = max(2, int(sample_rate / HIGHEST_HZ) // 2)  # or a higher tone would be taken for its octave below
    periods, aperiodic = np.array([_period(row, shortest) for row in difference]).T
    periodic = aperiodic < PERIODIC
    if not periodic.any():
        return None
    notes = 12 * np.log2(sample_rate / periods)
    middle = _weighted_median(notes[periodic], energy[periodic])
    agree = periodic & (np.abs(notes - middle) < QUARTER_TONE)
    hz = float(2 ** (np.average(notes[agree], weights=energy[agree]) / 12))
    if not LOWEST_HZ <= hz <= HIGHEST_HZ or not _is_borne(hz, frames[agree], sample_rate):
        return None
    return Pitch(hz, float(energy[agree].sum() / energy.sum()))


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
    """(period in samples, how aperiodic) of d' [L]: the first dip below the threshold, or nearly the deepest.

    A short period is measured over eight of its kind: the parabola through three lags is off by 9 cents where a period
    is eleven samples, by less than one so.
    """
    possible = difference[shortest:-1]
    best = float(possible.min())
    below = np.flatnonzero(possible <= max(PERIODIC / 2, 1 - NEARLY * (1 - best), best))
    first = _dip(difference, int(below[0]) + shortest)
    if first > len(difference) - 3:  # it goes on falling: the period is longer
        return first, 1.0
    aperiodic = float(difference[round(first)])
    many = max(1, min(8, int((len(difference) - 2) / 2 / first)))
    later = _dip(difference, round(many * first))
    clear = abs(later / many - first) < 1 / many and difference[round(later)] < PERIODIC
    return later / many if clear else first, aperiodic


def _dip(difference: np.ndarray, at: int) -> float:
    """The lag of the minimum of d' that lies beside ``at``, between the samples."""
    at = min(at, len(difference) - 2)
    while at > 1 and difference[at - 1] < difference[at]:
        at -= 1
    while at + 2 < len(difference) and difference[at + 1] < difference[at]:
        at += 1
    left, middle, right = difference[at - 1 : at + 2]
    bend = left - 2 * middle + right
    shift = 0.5 * (left - right) / bend if bend > 1e-12 else 0.0
    return at + float(np.clip(shift, -0.5, 0.5))


def _is_borne(hz: float, frames: np.ndarray, sample_rate: int) -> bool:
    """Whether what is loudest in frames [F, 2 L] is a partial of ``hz``, and that itself is heard.

    A tone may lack it, yet not its octave and all but one odd partial: of the even ones alone the octave is the pitch,
    and one odd one beside them may be another mode of a drum or a bar.
    """
    size = 4 << frames.shape[1].bit_length()
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(frames.shape[1]), size))).sum(0)
    power[: round(0.9 * LOWEST_HZ * size / sample_rate)] = 0.0  # what nobody hears, an offset above all

    def near(partial: int) -> slice:
        at = partial * hz * size / sample_rate
        return slice(math.floor(at / IN_TUNE), math.ceil(at * IN_TUNE) + 1)

    def heard(partial: int) -> bool:
        return bool(power[near(partial)].max(initial=0.0) > power.max() * 10 ** (-BORNE_DB / 10))

    loudest = _peak(power, int(power.argmax())) * sample_rate / size
    if abs(math.log(loudest / (hz * max(1, round(loudest / hz))))) > math.log(IN_TUNE):
        return False
    return heard(1) or (heard(2) and sum(map(heard, ODD)) > 1)


def _peak(power: np.ndarray, at: int) -> float:
    """Where the maximum at the bin ``at`` lies between the bins: of a parabola through three of them, in decibels."""
    at = min(max(at, 1), len(power) - 2)
    left, middle, right = np.log(power[at - 1 : at + 2] + np.finfo(float).tiny)
    bend = left - 2 * middle + right
    return at + float(np.clip(0.5 * (left - right) / bend if bend < 0 else 0.0, -0.5, 0.5))


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = values.argsort()
    reached = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(reached, reached[-1] / 2)])
