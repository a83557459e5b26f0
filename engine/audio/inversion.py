"""Mel power back to a wave.

Two steps. The magnitude of the linear spectrum starts from a multiplicative inverse of the mel matrix (Richardson and
Lucy's deconvolution, the Kullback-Leibler update of Lee and Seung 2001). The phase comes from Griffin-Lim with momentum
(Perraudin, Balazs and Sondergaard 2013), but each iteration keeps the magnitude its own phase suggests and corrects it
only as far as the mel spectrogram demands, instead of forcing one guess of the linear spectrum on it.

A second picture of the same sound, coarse in frequency and fine in time (:mod:`engine.audio.detail`), places attacks:
each iteration fits the same wave to both and goes on with the weighted mean of the two waves. At the end the wave is
made as quiet before its onsets as that picture says (:mod:`engine.audio.onsets`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.audio import detail, onsets
from engine.audio.mel import filterbank, mel_filterbank, raised
from engine.audio.settings import SpectrogramConfig

MOMENTUM = 0.99
FEWEST_FRAMES = 4
_TINY = 1e-12


@dataclass(frozen=True)
class Quality:
    """Iterations of the magnitude's inverse and of the phase search."""

    magnitude: int
    phase: int


FAST = Quality(5, 16)
BEST = Quality(10, 64)


class _Picture:
    """Band power that a wave is to have, and the last spectrum of the wave that was fitted to it.

    Time before frequency, as spectra lie in memory: power [B, F, M], spectra [B, F, bins]. exponent: of the magnitudes
    that a band adds up; ``power`` is kept as their sum.
    """

    def __init__(self, power: torch.Tensor, bank: torch.Tensor, n_fft: int, hop: int, exponent: float = 2.0) -> None:
        self.power = raised(power, exponent / 2).transpose(1, 2).contiguous()
        self.bank, self.n_fft, self.hop, self.exponent = bank, n_fft, hop, exponent
        self.length = hop * (power.shape[-1] - 1)
        self.mean = (bank / bank.sum(1, keepdim=True).clamp_min(_TINY)).T.contiguous()  # a bin's mean over its bands
        self.window = torch.hann_window(n_fft, device=power.device, dtype=power.dtype)
        self.previous = torch.zeros((), dtype=torch.complex64, device=power.device)
        covered = self._overlapped(self.window.square().expand(1, power.shape[-1], -1))
        self.synthesis = covered.clamp_min(_TINY).reciprocal()

    def spectrum(self, wave: torch.Tensor) -> torch.Tensor:
        found = torch.stft(wave, self.n_fft, self.hop, window=self.window, pad_mode="constant", return_complex=True)
        return found.transpose(1, 2)

    def wave(self, spectrum: torch.Tensor) -> torch.Tensor:
        """The wave [B, T] of a spectrum; ``torch.istft`` sums the squares of its window anew each time."""
        return self._overlapped(torch.fft.irfft(spectrum, self.n_fft).mul_(self.window)).mul_(self.synthesis)

    def _overlapped(self, frames: torch.Tensor) -> torch.Tensor:
        """Frames [B, F, n_fft] added where they lie [B, T]."""
        count, parts = frames.shape[1], -(-self.n_fft // self.hop)
        frames = torch.nn.functional.pad(frames, (0, parts * self.hop - self.n_fft))
        total = frames.new_zeros(len(frames), count + parts - 1, self.hop)
        for part in range(parts):
            total[:, part : part + count] += frames[..., part * self.hop : (part + 1) * self.hop]
        return total.flatten(1)[:, self.n_fft // 2 : self.n_fft // 2 + self.length]

    def of(self, spectrum: torch.Tensor) -> torch.Tensor:
        """What a spectrum adds up to in each band."""
        return raised(spectrum.real.square() + spectrum.imag.square(), self.exponent / 2) @ self.bank

    def fit(self, wave: torch.Tensor) -> torch.Tensor:
        """``wave`` [B, T] after one step of Griffin-Lim with momentum.

        The magnitude is scaled by one multiplicative step towards the power it should have.
        """
        rebuilt = self.spectrum(wave)
        accelerated = torch.add(rebuilt, rebuilt - self.previous, alpha=MOMENTUM)
        self.previous = rebuilt
        ratio = self.power / self.of(accelerated).clamp_min_(_TINY)
        return self.wave(accelerated.mul_(raised(ratio @ self.mean, 2 / self.exponent).sqrt_()))

    def deconvolved(self, iterations: int) -> torch.Tensor:
        """Power of every bin of which this is the picture."""
        linear = (self.power / self.bank.sum(0).clamp_min(_TINY)) @ self.mean
        for _ in range(iterations):
            linear = linear * ((self.power / (linear @ self.bank).clamp_min(_TINY)) @ self.mean)
        return raised(linear, 2 / self.exponent)


def invert_mel(
    power: torch.Tensor,
    config: SpectrogramConfig,
    samples: int,
    phase: torch.Tensor,
    quality: Quality = FAST,
    fine: torch.Tensor | None = None,
) -> torch.Tensor:
    """Mel power [B, M, F] to waves [B, samples].

    phase: [B, n_fft // 2 + 1, F] start phases in turns (0...1): randomness is an argument. fine: the second picture, as
    :func:`engine.audio.detail.infer` gives it.
    """
    mel = _Picture(power, mel_filterbank(config).to(power), config.n_fft, config.hop_length, config.power)
    angle = phase.to(power).transpose(1, 2) * (2 * torch.pi)
    wave = mel.wave(torch.polar(mel.deconvolved(quality.magnitude).sqrt(), angle))
    if fine is None or power.shape[-1] < FEWEST_FRAMES:
        for _ in range(quality.phase):
            wave = mel.fit(wave)
    else:
        wave = _fit_to_both(wave, mel, _second(fine, config), quality.phase)
    return torch.nn.functional.pad(wave, (0, max(0, samples - mel.length)))[..., :samples]


def _second(fine: torch.Tensor, config: SpectrogramConfig) -> _Picture:
    n_fft, hop = config.n_fft // detail.FINER, config.hop_length // detail.FINER
    bank = filterbank(n_fft, config.sample_rate, fine.shape[1], 0.0, config.sample_rate / 2)
    return _Picture(fine, bank.to(fine), n_fft, hop)


def _fit_to_both(wave: torch.Tensor, mel: _Picture, fine: _Picture, iterations: int) -> torch.Tensor:
    """``wave`` [B, T] fitted to both pictures, and quiet before its onsets.

    How much the second picture has to say (:func:`engine.audio.onsets.fine_weight`) was measured: docs/model.md.
    """
    loudest = fine.power.sum(2).amax(1, keepdim=True)
    level = onsets.level_db(fine.power, loudest)
    weight = onsets.fine_weight(level, fine.hop)
    for _ in range(iterations):
        wave = torch.lerp(mel.fit(wave), fine.fit(wave), weight)
    own = onsets.level_db(fine.of(fine.spectrum(wave)), loudest)
    return onsets.quiet_before_onsets(wave, level, own, fine.n_fft, fine.hop)
