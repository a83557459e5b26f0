"""Physical models of things that sound when struck, plucked, shaken or blown. Numpy only; float32 waves at 48 kHz.

Everything that rings is a sum of decaying modes; the ratios are those of the body: beams and membranes from Fletcher
and Rossing, "The Physics of Musical Instruments" (2nd ed., 1998), bells from the tuned church bell described there.
The string is a waveguide after Karplus and Strong (1983) with Jaffe and Smith's (1983) pick position. No limits on
level: the caller sets it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

RATE = 48_000
BODY_S = 0.12  # how long wood answers
BEAM = (1.0, 2.756, 5.404, 8.933, 13.345, 18.638, 24.81)  # free at both ends, any material
MARIMBA = (1.0, 3.98, 9.95, 16.2, 24.1)  # the same bar undercut, so that its second mode is two octaves up
MEMBRANE = (1.0, 1.594, 2.136, 2.296, 2.653, 2.918, 3.156, 3.501, 3.600, 3.652, 4.060, 4.154, 4.602, 4.832)
BELL = (0.5, 1.0, 1.183, 1.506, 2.0, 2.514, 2.662, 3.011, 4.166, 5.433, 6.796, 8.215, 9.64)


def samples(duration_s: float) -> int:
    return round(duration_s * RATE)


def ring(
    frequencies: Sequence[float] | np.ndarray,
    amplitudes: Sequence[float] | np.ndarray,
    decays_s: Sequence[float] | np.ndarray,
    duration_s: float,
    bend: np.ndarray | None = None,
) -> np.ndarray:
    """Modes that start together at zero crossing and lose 60 dB each in its own time; [samples].

    bend: [samples], multiplies every frequency over time: the tension that a strong stroke adds to a skin.
    """
    count = samples(duration_s)
    clock = np.arange(count) / RATE if bend is None else np.cumsum(bend) / RATE
    fall = np.arange(count, dtype=np.float32) * np.float32(-np.log(1000.0) / RATE)
    wave = np.zeros(count, np.float32)
    for frequency, amplitude, decay_s in zip(frequencies, amplitudes, decays_s, strict=True):
        if frequency < 0.45 * RATE:
            turn = np.mod(clock * frequency, 1.0).astype(np.float32)  # in double: a float32 phase drifts audibly
            wave += np.float32(amplitude) * np.sin(np.float32(2 * np.pi) * turn) * np.exp(fall / np.float32(decay_s))
    return wave


def strike(frequencies: np.ndarray, contact_s: float) -> np.ndarray:
    """How strongly a mallet that touches for ``contact_s`` excites each frequency: the spectrum of a half sine."""
    turns = np.asarray(frequencies) * contact_s
    gap = 1.0 - 4.0 * turns**2
    gap = np.where(np.abs(gap) < 1e-3, 1e-3, gap)
    return np.abs(np.cos(np.pi * turns) / gap) + 0.002


def filtered(wave: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """``wave`` through a magnitude response given on a grid of its own length, from 0 Hz to Nyquist."""
    spectrum = np.fft.rfft(wave)
    grid = np.linspace(0, 1, spectrum.size)
    return np.fft.irfft(spectrum * np.interp(grid, np.linspace(0, 1, curve.size), curve), wave.size).astype(np.float32)


def through(wave: np.ndarray, response: np.ndarray) -> np.ndarray:
    """``wave`` convolved with an impulse response, as long as ``wave``."""
    size = wave.size + response.size
    product = np.fft.rfft(wave, size) * np.fft.rfft(response, size)
    return np.fft.irfft(product, size)[: wave.size].astype(np.float32)


def band_noise(rng: np.random.Generator, count: int, low_hz: float, high_hz: float) -> np.ndarray:
    """Noise between two frequencies with slopes of about 12 dB an octave beyond them; [count]."""
    frequency = np.fft.rfftfreq(count, 1 / RATE)
    curve = 1 / (1 + (low_hz / np.maximum(frequency, 1.0)) ** 4) / (1 + (frequency / high_hz) ** 4)
    return np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * np.sqrt(curve), count).astype(np.float32)


def pluck(
    rng: np.random.Generator, frequency: float, duration_s: float, pick: float, brightness: float, decay_s: float
) -> np.ndarray:
    """A plucked string. pick: where along it, 0 to 0.5. brightness: 0 (thumb) to 1 (plectrum).

    The loop is a delay of one period, a symmetric low-pass of three taps (losses that grow with frequency) and a
    straight-line fraction of a sample for the pitch. A whole period is computed at once: it depends on the last alone.
    """
    period = RATE / frequency
    whole = int(period - 1.5)
    fraction = period - 1.0 - whole  # the low-pass delays by one sample
    damp = 0.25 * (1 - 0.85 * brightness)
    taps = np.convolve([damp / 2, 1 - damp, damp / 2], [1 - fraction % 1, fraction % 1])
    whole += int(fraction)
    gain = 0.001 ** (1 / (frequency * decay_s))
    count = samples(duration_s)
    line = np.zeros(count + whole + 8, np.float32)
    burst = np.cumsum(rng.standard_normal(whole)) * (1 - brightness) * 0.3 + rng.standard_normal(whole)
    burst -= burst.mean()
    shift = max(1, round(pick * whole))
    head = whole + 8
    line[head - whole : head] = burst - np.roll(burst, shift)  # a string plucked at p lacks the modes with a node there
    for start in range(head, line.size, whole):
        stop = min(start + whole, line.size)
        past = [line[start - whole - lag : stop - whole - lag] for lag in range(4)]
        line[start:stop] = gain * sum(tap * part for tap, part in zip(taps, past, strict=True))
    return line[head:]


def body(rng: np.random.Generator, resonances: Sequence[float] | np.ndarray) -> np.ndarray:
    """Impulse response of a hollow body: the string itself, and a few wooden modes that answer it."""
    tones = ring(resonances, 0.05 / np.sqrt(1 + np.arange(len(resonances))), [BODY_S] * len(resonances), BODY_S)
    tones[0] += 1.0
    wave: np.ndarray = tones + 0.01 * rng.standard_normal(tones.size).astype(np.float32) * np.exp(
        -np.arange(tones.size) / 600
    )
    return wave


def breath(
    rng: np.random.Generator, duration_s: float, centres_hz: np.ndarray, widths: np.ndarray, levels: np.ndarray
) -> np.ndarray:
    """Moving air: noise in resonances that wander. centres_hz, widths (octaves), levels: [resonances, moments]."""
    n_fft, hop = 2048, 512
    frames = samples(duration_s) // hop + 5
    moments = np.linspace(0, 1, frames)
    given = np.linspace(0, 1, centres_hz.shape[1])
    pitch = np.log2(np.fft.rfftfreq(n_fft, 1 / RATE) + 1.0)
    curve = np.zeros((frames, pitch.size))
    for centre, width, level in zip(centres_hz, widths, levels, strict=True):
        at = np.interp(moments, given, np.log2(centre))[:, None]
        spread = np.interp(moments, given, width)[:, None]
        curve += np.interp(moments, given, level)[:, None] * np.exp(-0.5 * ((pitch - at) / spread) ** 2)
    noise = np.fft.rfft(rng.standard_normal((frames, n_fft)), axis=1)
    parts = np.fft.irfft(noise * curve, n_fft, axis=1) * np.hanning(n_fft)
    wave = np.zeros(frames * hop + n_fft)
    for index, part in enumerate(parts):
        wave[index * hop : index * hop + n_fft] += part
    return wave[n_fft : n_fft + samples(duration_s)].astype(np.float32)


def shake(
    rng: np.random.Generator, duration_s: float, strokes: Sequence[tuple[float, float]], rate: float, tone_hz: float
) -> np.ndarray:
    """Seeds in a gourd: collisions at random moments, each a short knock of the shell (after Cook's PhISEM, 1997).

    strokes: (moment in s, strength), each throws the seeds anew. rate: collisions a second just after one.
    """
    count = samples(duration_s)
    moment = np.arange(count) / RATE
    energy = np.zeros(count)
    for start, strength in strokes:
        since = np.maximum(moment - start, 0)
        energy += strength * (1 - np.exp(-since / 0.008)) * np.exp(-since / 0.06) * (moment >= start)
    hits = (rng.random(count) < np.minimum(1.0, energy * rate / RATE)) * rng.standard_normal(count) * np.sqrt(energy)
    shell = ring([tone_hz, tone_hz * 1.47, tone_hz * 2.1], [1.0, 0.7, 0.5], [0.012, 0.009, 0.006], 0.02)
    # The shell is too small to send out long waves.
    relative = np.linspace(0, RATE / 2, 512) / 1500
    return through(filtered(hits, relative**2 / (1 + relative**2)), shell)


def room(rng: np.random.Generator, wave: np.ndarray, amount: float = 0.05) -> np.ndarray:
    """A small wooden room around ``wave``: reflections that thin out and darken over a fifth of a second."""
    count = samples(0.22)
    tail = rng.standard_normal(count).astype(np.float32) * np.exp(-np.arange(count, dtype=np.float32) / samples(0.035))
    tail = filtered(tail, np.linspace(1.0, 0.0, 64) ** 2)
    tail *= np.cos(np.linspace(0, np.pi / 2, count, dtype=np.float32))
    tail[: samples(0.006)] = 0
    tail *= amount / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return through(wave, tail)
