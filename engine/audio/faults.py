"""What a sound engineer would send back: clipping, an offset, hum, channels that say nothing, long silence at the ends.

Found while a file is decoded, in two places: :class:`ChannelMeter` sees every channel at the file's own rate, where
flat tops are still flat; :func:`in_mono` sees what was decoded. Each threshold is far from what sound without the fault
has (292 recordings and synthetic sounds: ``tests/audio/test_faults.py``), so small faults go unsaid.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from engine.audio.levels import amplitude_to_db, middle_sample

_RUN = 3  # samples that make a top flat
_FULL, _AT_FULL, _BELOW = 0.999, 3, 10  # flat tops needed at full scale, and at a lower ceiling
_STEEP = 4.0  # times the steps between samples near the ceiling: what falls slower from it is the top of a slow wave
_SILENT = 1e-3
_MOST_CHANNELS = 64  # beyond those nobody means a loudspeaker
_EDGE_S, _HALF_S, _EDGE_DB = 2.0, 1.0, -60.0  # as long as that, or as that and half of the file
_TOLD_S = 0.2  # of the other edge, where one is that long
_OFFSET = 0.01  # of the peak, in nine of ten windows of 50 ms
_WINDOWS = 8  # in fewer of them a slow wave looks like an offset
_LARGE_OFFSET, _END_S = 0.025, 0.005  # of the peak; the end that a sound comes to rest in
_FRAME_S, _QUIET_DB, _FRAMES = 0.5, -15.0, 60
_STANDS_DB, _HEARD_DB = 12.0, -80.0
_ALONE_DB = -3.0  # of the peak: the lines make nearly all of it
_LEAST_FRAMES, _EVEN_DB = 4, 2.0  # what a line has to keep that stands alone


@dataclass(frozen=True)
class Fault:
    """code: clipped, offset, hum, same_channels, silent_channel or silent_edges. words: a phrase with its figures."""

    code: str
    words: str


@dataclass
class _Ceiling:
    """Flat tops at the highest value of one channel and one sign so far. gap: the smallest distance to it of what lies
    below. falls: how far the sound falls within one sample beside each top, the smaller of its two sides."""

    height: float = 0.0
    gap: float = np.inf
    falls: list[float] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)

    @property
    def width(self) -> float:
        """Two steps of 16 bits, for the noise that was added before it was saved."""
        return 2e-4 * self.height + 2.0**-15

    def add(self, wave: np.ndarray, top: float) -> None:
        if top > self.height + self.width:
            self.height, self.gap, self.falls, self.lengths = top, np.inf, [], []
        elif top < self.height - self.width:
            return
        at = wave >= self.height - self.width
        self.gap = min(self.gap, self.height - float(wave[~at].max(initial=-np.inf)))
        turns = np.flatnonzero(np.diff(at)) + 1
        turns = turns[1:] if at[0] else turns  # a top at the border of a block is left out
        starts, ends = turns[: turns.size // 2 * 2 : 2], turns[1::2]
        flat = ends - starts >= _RUN
        starts, ends = starts[flat], ends[flat]
        self.falls += (self.height - np.maximum(wave[starts - 1], wave[ends])).tolist()
        self.lengths += (ends - starts).tolist()

    def flat_tops(self) -> tuple[int, int]:
        """(tops, samples in them); none where there are too few to speak of."""
        least = _STEEP * max(self.gap, self.width)
        lengths = [length for length, fall in zip(self.lengths, self.falls, strict=True) if fall > least]
        enough = _AT_FULL if self.height >= _FULL else _BELOW
        return (len(lengths), sum(lengths)) if len(lengths) >= enough else (0, 0)


class ChannelMeter:
    """Fed with every block of a file; :meth:`faults` after the last."""

    def __init__(self, channels: int) -> None:
        self._ceilings = [(_Ceiling(), _Ceiling()) for _ in range(min(channels, _MOST_CHANNELS))]
        self._peaks = np.zeros(channels)
        self._apart = 0.0
        self._frames = 0

    def add(self, block: np.ndarray) -> None:
        """``block``: float32 [frames, channels], finite."""
        if not len(block):
            return
        self._frames += len(block)
        highest, lowest = block.max(axis=0), block.min(axis=0)
        self._peaks = np.maximum(self._peaks, np.maximum(highest, -lowest))
        if block.shape[1] > 1 and not self._apart:
            self._apart = float(np.abs(block[:, 1:] - block[:, :1]).max())
        for channel, (above, below) in enumerate(self._ceilings):
            if highest[channel] >= above.height - above.width:
                above.add(block[:, channel], float(highest[channel]))
            if -lowest[channel] >= below.height - below.width:
                below.add(-block[:, channel], float(-lowest[channel]))

    def faults(self) -> tuple[Fault, ...]:
        return tuple(fault for fault in (self._clipped(), self._channels()) if fault)

    def _clipped(self) -> Fault | None:
        found = [(*one.flat_tops(), one.height) for pair in self._ceilings for one in pair]
        tops, samples = sum(one[0] for one in found), sum(one[1] for one in found)
        if not tops:
            return None
        height = max(height for count, _, height in found if count)
        share = samples / self._frames / len(self._ceilings)
        much = f", {share:.0%} of it" if share >= 0.01 else ""
        return Fault(
            "clipped",
            f"clipped: {tops:,} flat tops at {max(0.0, -amplitude_to_db(height)):.1f} dB below full scale{much}",
        )

    def _channels(self) -> Fault | None:
        if self._peaks.size < 2:
            return None
        silent = np.flatnonzero(self._peaks < _SILENT)
        if 0 < silent.size < self._peaks.size:
            names = ", ".join(str(one + 1) for one in silent[:8]) + (" and more" if silent.size > 8 else "")
            return Fault("silent_channel", f"channel {names} of {self._peaks.size} silent")
        if not silent.size and not self._apart:
            return Fault("same_channels", f"mono: its {self._peaks.size} channels are equal")
        return None


def in_mono(pcm: np.ndarray, sample_rate: int) -> tuple[Fault, ...]:
    """The faults of decoded samples, int16 [samples], peak at full scale."""
    found = (_offset(pcm, sample_rate), _hum(pcm, sample_rate), _edges(pcm, sample_rate))
    return tuple(fault for fault in found if fault)


def constant_offset(pcm: np.ndarray, sample_rate: int) -> float:
    """What is there all the time, on one side of zero; full scale is 1.

    A small one shows in windows of 50 ms, the loud and the silent ones. Where those are few or sway, a larger one
    shows in the mean, in the middle sample and in the end that the sound comes to rest in.
    """
    size = sample_rate // 20
    windows = pcm[: pcm.size // size * size].reshape(-1, size)
    if len(windows) >= _WINDOWS:
        low, middle, high = np.quantile(windows.mean(axis=1, dtype=np.float64) / 32_767, [0.1, 0.5, 0.9])
        if low * high > 0 and min(abs(low), abs(high)) >= max(_OFFSET, abs(middle) / 2):
            return float(middle)
    return _rests_at(pcm, sample_rate)


def _rests_at(pcm: np.ndarray, sample_rate: int) -> float:
    end = pcm[-max(1, round(_END_S * sample_rate)) :]
    levels = np.array([middle_sample(pcm), pcm.mean(dtype=np.float64), end.mean(dtype=np.float64)]) / 32_767
    constant = abs(np.sign(levels).sum()) == levels.size and np.abs(levels).min() >= _LARGE_OFFSET
    return float(levels[0]) if constant else 0.0


def _offset(pcm: np.ndarray, sample_rate: int) -> Fault | None:
    offset = constant_offset(pcm, sample_rate)
    return Fault("offset", f"constant offset of {abs(offset):.0%} of its peak") if offset else None


def _hum(pcm: np.ndarray, sample_rate: int) -> Fault | None:
    """Mains hum: its frequency and its multiples stand over what lies around them.

    Where all else is quiet three lines tell it. One line may be a note; so alone, and where it is never quiet, it has
    to keep its level from moment to moment, as no instrument does.
    """
    size = int(_FRAME_S * sample_rate)
    frames = pcm[: pcm.size // size * size].reshape(-1, size)
    power = np.einsum("ij,ij->i", frames, frames, dtype=np.float64, casting="unsafe") / size
    sounding = np.flatnonzero(power > 2.0)
    quiet = sounding[power[sounding] <= power.max(initial=0) * 10 ** (_QUIET_DB / 10)]
    if quiet.size >= 3:
        heard = frames[_some(quiet)]
        return _hum_in(heard, sample_rate, 3) or _hum_in(heard, sample_rate, 1)
    return _hum_in(frames[_some(sounding)], sample_rate, 1) if sounding.size else None


def _some(places: np.ndarray) -> np.ndarray:
    return places[:: -(-places.size // _FRAMES)]


def _hum_in(frames: np.ndarray, sample_rate: int, lines: int) -> Fault | None:
    """Hum of at least so many ``lines`` in ``frames``; where one is enough, of lines that keep their level."""
    window = np.hanning(frames.shape[1])
    spectra = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2 / (window.sum() / 2 * 32_767) ** 2
    steady = np.quantile(spectra, 0.3, axis=0)
    for mains in (50, 60):
        standing = [multiple for multiple in range(1, 7) if _stands(steady, mains * multiple)]
        if lines == 1:
            standing = [one for one in standing if _keeps_level(frames, sample_rate, mains * one)]
        if len(standing) >= lines and {1, 2} & set(standing):
            level = amplitude_to_db(np.sqrt(sum(_line(steady, mains * multiple) for multiple in standing)))
            how = "and little else" if level > _ALONE_DB else f"at {-level:.0f} dB below its peak"
            return Fault("hum", f"hum of {mains} Hz {how}")
    return None


def _keeps_level(frames: np.ndarray, sample_rate: int, frequency: float) -> bool:
    """Whether the line at ``frequency`` is equally strong in nearly all tenths of a second of at least four frames.

    Whole frames would not tell: a bass drum at 120 a minute is the same in each of them.
    """
    size = sample_rate // 10
    if len(frames) < _LEAST_FRAMES:
        return False
    pieces = frames[:, : frames.shape[1] // size * size].reshape(-1, size)
    wave = np.hanning(size) * np.exp(-2j * np.pi * frequency / sample_rate * np.arange(size))
    low, high = np.quantile(np.abs(pieces @ wave), [0.1, 0.7])
    return bool(low > 0 and amplitude_to_db(high / low) < _EVEN_DB)


def _bin(frequency: float) -> int:
    return round(frequency * _FRAME_S)


def _line(steady: np.ndarray, frequency: float) -> float:
    return float(steady[_bin(frequency)])


def _stands(steady: np.ndarray, frequency: float) -> bool:
    """Whether a line lies at ``frequency`` to within half a hertz, and well above what is around it."""
    at = _bin(frequency)
    before, own, after = np.log(steady[at - 1 : at + 2] + 1e-30)
    if own <= max(before, after) or 10 * np.log10(steady[at] + 1e-30) < _HEARD_DB:
        return False
    moved = 0.5 * (before - after) / (before - 2 * own + after) / _FRAME_S
    around = np.r_[steady[at - 9 : at - 3], steady[at + 4 : at + 10]]
    return bool(abs(moved) < 0.5 and steady[at] > 10 ** (_STANDS_DB / 10) * around.max())


def _edges(pcm: np.ndarray, sample_rate: int) -> Fault | None:
    """Silence before the first and after the last sample within 60 dB of the peak."""
    step = 1 << 20
    limit = 32_767 * 10 ** (_EDGE_DB / 20)
    starts = range(0, pcm.size, step)
    loud = ((at, _loud(pcm[at : at + step], limit)) for at in starts)
    first = next(at + int(np.argmax(part)) for at, part in loud if part.any())
    loud = ((at, _loud(pcm[at : at + step], limit)) for at in reversed(starts))
    last = next(at + int(np.flatnonzero(part)[-1]) for at, part in loud if part.any())
    before, after = first / sample_rate, (pcm.size - 1 - last) / sample_rate
    least = min(_EDGE_S, max(_HALF_S, pcm.size / sample_rate / 2))
    if max(before, after) < least:
        return None
    said = [f"{time:.1f} s {where}" for time, where in ((before, "before"), (after, "after")) if time >= _TOLD_S]
    return Fault("silent_edges", f"silence: {' and '.join(said)} its sound")


def _loud(part: np.ndarray, limit: float) -> np.ndarray:
    return (part > limit) | (part < -limit)
