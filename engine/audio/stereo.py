"""How a recording lies between its two channels, band by band, and another sound laid out like it.

With the middle M = (L + R) / 2 and the side S = (L - R) / 2, two numbers a band say what the side is: ``pan``, the part
of it that is M itself (1: all on the left, -1: on the right), and ``width``, how loud the rest is beside M, which has
nothing in common with it, as rooms and spaced microphones leave it. Letters: K bands, T samples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Wave = NDArray[np.float32]
_Gains = NDArray[np.float64]
_Spectrum = NDArray[np.complex128]

BANDS = 24
WIDEST = 4.0  # 12 dB above the middle: more is a middle that cancels itself out
HEARD = 1e-4  # of the middle's energy: a side 40 dB below it is rounding or hiss
LOUDEST = 4.0  # the most that the rest of a second wave is raised: 12 dB
_QUIET = 1e-8  # of the loudest band's energy
_WINDOW_S = 0.043
_TOP_HZ = 24_000.0


def band_edges() -> NDArray[np.float64]:
    """[K + 1] in Hz: even steps on a scale that is linear below 700 Hz and logarithmic above."""
    mel = np.linspace(0.0, np.log1p(_TOP_HZ / 700.0), BANDS + 1)
    edges: NDArray[np.float64] = 700.0 * np.expm1(mel)
    return edges


@dataclass(frozen=True)
class StereoImage:
    """pan [K], -1 to 1, and width [K], 0 to 4, of amplitudes. A mono sound has none of both.

    side: amplitude of the whole side beside the middle, 0 to 4; None: of no one recording.
    """

    pan: tuple[float, ...]
    width: tuple[float, ...]
    side: float | None = None

    def side_of(self, energy: _Gains) -> float:
        """Amplitude of the whole side that the bands come to beside a middle of ``energy`` [K]."""
        beside = np.square(self.pan) + np.square(self.width)
        return float(np.sqrt(energy @ beside / max(energy.sum(), np.finfo(float).tiny)))


MONO = StereoImage((0.0,) * BANDS, (0.0,) * BANDS, 0.0)


class StereoMeter:
    """Fed with every block of a file of two channels; :meth:`image` after the last.

    Hann windows that overlap by half, from half a window before the first sample to half a window after the last: they
    add up to one everywhere, so that an attack at the very start is heard as it would be anywhere else.
    """

    def __init__(self, sample_rate: int) -> None:
        self._size = 1 << max(5, round(np.log2(_WINDOW_S * sample_rate)))
        self._window = np.hanning(self._size + 1)[:-1].astype(np.float32)
        hertz = np.fft.rfftfreq(self._size, 1 / sample_rate)
        self._band = band_of(hertz)
        self._left_over = np.zeros((self._size // 2, 2), np.float32)
        self._energy = np.zeros((3, BANDS))

    def add(self, block: NDArray[np.float32]) -> None:
        """``block``: float32 [T, 2], finite."""
        self._left_over = self._hear(np.concatenate([self._left_over, block]))

    def image(self) -> StereoImage | None:
        """None where the side is more than 40 dB below the middle, all of it."""
        half = self._size // 2
        missing = half + -len(self._left_over) % half
        self._left_over = self._hear(np.pad(self._left_over, ((0, missing), (0, 0))))
        middle, side, both = self._energy
        if side.sum() <= HEARD * middle.sum():
            return None
        # Of a file whose channels are opposites the middle is nothing: a part of the whole keeps the quotients finite.
        safe = np.maximum(middle, _QUIET * max(middle.max(), _QUIET * side.max()) + np.finfo(float).tiny)
        pan = np.clip(both / safe, -1.0, 1.0)
        rest = np.maximum(side - 2 * pan * both + pan**2 * middle, 0.0)
        width = np.where(side > _QUIET * side.max(), np.minimum(np.sqrt(rest / safe), WIDEST), 0.0)
        whole = round(min(math.sqrt(side.sum() / safe.sum()), WIDEST), 4)
        return StereoImage(tuple(np.round(pan, 4).tolist()), tuple(np.round(width, 4).tolist()), whole)

    def _hear(self, sound: NDArray[np.float32]) -> NDArray[np.float32]:
        """Add every whole window of ``sound``; what the next one begins with."""
        half = self._size // 2
        count = max(0, len(sound) // half - 1)
        if count:
            windows = sliding_window_view(sound[: (count + 1) * half], self._size, axis=0)[::half]
            left, right = (np.fft.rfft(windows[:, channel] * self._window) for channel in (0, 1))
            middle, side = (left + right) / 2, (left - right) / 2
            for total, (one, other) in zip(self._energy, ((middle, middle), (side, side), (middle, side)), strict=True):
                product = np.einsum("fk,fk->k", one.real, other.real) + np.einsum("fk,fk->k", one.imag, other.imag)
                total += np.bincount(self._band, product, BANDS)
        return sound[count * half :].copy()


def middle_of(wave: Wave) -> Wave:
    """The middle [T] of a wave [T] or [T, 2]."""
    return wave if wave.ndim == 1 else wave.mean(axis=1, dtype=np.float32)


def band_of(hertz: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
    """Which of the K bands each frequency lies in."""
    return np.clip(np.searchsorted(band_edges(), hertz, "right") - 1, 0, BANDS - 1)


def laid_out(middle: Wave, other: Wave, image: StereoImage, sample_rate: int, whole: bool = False) -> Wave:
    """Left and right [T, 2] of two waves [T] of one spectrum and different phases, lying as ``image`` says.

    whole: whether all bands give way alike so that the whole side is as loud as the image says, where it does: a sound
    that is loud where the image's own was faint would be as wide as that faint part.

    Their mean is ``middle``, sample for sample. What ``other`` has in common with it in a band is taken out and the
    rest made as loud as the middle: two inversions of one picture may correlate by 0.8 in a band, and left in, that
    pans what is to be wide.
    """
    length = 1 << max(1, (len(middle) * 2 - 1).bit_length())
    hertz: _Gains = np.fft.rfftfreq(length, 1 / sample_rate).astype(np.float64)
    spectra = np.fft.rfft(middle, length), np.fft.rfft(other, length)
    shared, loud, own = _apart(*spectra, hertz)
    gain = _towards(image.side, image, own) if whole and image.side is not None else 1.0
    wide = gain * np.array(image.width) * loud
    pan, width = _over(hertz, gain * np.array(image.pan) - wide * shared), _over(hertz, wide)
    rest = np.fft.irfft(spectra[0] * pan + spectra[1] * width, length)[: len(middle)].astype(np.float32)
    return np.stack([middle + rest, middle - rest], axis=1)


def _towards(side: float, image: StereoImage, energy: _Gains) -> float:
    """The gain that makes the whole side of ``image`` beside ``energy`` [K] as loud as ``side``; no band lies further
    out than on one channel alone for it, and none gets more than 12 dB louder."""
    gain = side / max(image.side_of(energy), np.finfo(float).tiny)
    most = min(LOUDEST, 1 / max(np.abs(image.pan).max(), 1 / LOUDEST))
    return float(min(gain, max(1.0, most)))


def _apart(middle: _Spectrum, other: _Spectrum, hertz: _Gains) -> tuple[_Gains, _Gains, _Gains]:
    """By band [K]: how much of ``middle`` is in ``other``, the gain at which the rest is as loud as ``middle``, and the
    energy of ``middle``."""
    band = band_of(hertz)
    pairs = ((middle, middle), (other, other), (middle, other))
    own, others, both = (np.bincount(band, (one * two.conj()).real, BANDS).astype(np.float64) for one, two in pairs)
    safe = np.maximum(own, np.finfo(float).tiny)
    shared = both / safe
    rest = np.maximum(others - shared * both, own / LOUDEST**2)
    return shared, np.sqrt(own / np.maximum(rest, np.finfo(float).tiny)), own


def _over(hertz: _Gains, gains: _Gains) -> _Gains:
    """Gains [K] of the bands over ``hertz``, straight lines between their centres."""
    edges = band_edges()
    return np.interp(hertz, (edges[1:] + edges[:-1]) / 2, gains)
