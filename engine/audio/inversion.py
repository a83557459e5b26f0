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
from engine.audio.mel import filterbank, mel_filterbank
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
    """Band power [B, M, F] that a wave is to have, and the last spectrum of the wave that was fitted to it."""

    def __init__(self, power: torch.Tensor, bank: torch.Tensor, n_fft: int, hop: int) -> None:
        self.power, self.bank, self.n_fft, self.hop = power, bank, n_fft, hop
        self.window = torch.hann_window(n_fft, device=power.device, dtype=power.dtype)
        self.length = hop * (power.shape[-1] - 1)
        self.weight = bank.sum(1, keepdim=True).clamp_min(_TINY)
        self.previous: torch.Tensor | float = 0.0

    def wave(self, spectrum: torch.Tensor) -> torch.Tensor:
        return torch.istft(spectrum, self.n_fft, self.hop, window=self.window, length=self.length)

    def spectrum(self, wave: torch.Tensor) -> torch.Tensor:
        return torch.stft(wave, self.n_fft, self.hop, window=self.window, pad_mode="constant", return_complex=True)

    def of(self, wave: torch.Tensor) -> torch.Tensor:
        """Band power [B, M, F] that ``wave`` [B, T] has."""
        spectrum = self.spectrum(wave)
        return self.bank.T @ (spectrum.real.square() + spectrum.imag.square())

    def fit(self, wave: torch.Tensor) -> torch.Tensor:
        """``wave`` [B, T] after one step of Griffin-Lim with momentum."""
        rebuilt = self.spectrum(wave)
        accelerated = rebuilt + MOMENTUM * (rebuilt - self.previous)
        self.previous = rebuilt
        return self.wave(self._towards(accelerated))

    def _towards(self, spectrum: torch.Tensor) -> torch.Tensor:
        """``spectrum`` with its magnitude scaled by one multiplicative step towards the power it should have."""
        magnitude = spectrum.real.square() + spectrum.imag.square()
        ratio = self.power / (self.bank.T @ magnitude).clamp_min(_TINY)
        return spectrum * (self.bank @ ratio / self.weight).sqrt()

    def deconvolved(self, iterations: int) -> torch.Tensor:
        """Power of every bin [B, n_fft // 2 + 1, F] of which this is the picture."""
        sums = self.bank.sum(0, keepdim=True).T.clamp_min(_TINY)  # [M, 1]
        linear = self.bank @ (self.power / sums) / self.weight
        for _ in range(iterations):
            ratio = self.power / (self.bank.T @ linear).clamp_min(_TINY)
            linear = linear * (self.bank @ ratio) / self.weight
        return linear


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
    mel = _Picture(power, mel_filterbank(config).to(power), config.n_fft, config.hop_length)
    angle = phase.to(power) * (2 * torch.pi)
    wave = mel.wave(torch.polar(mel.deconvolved(quality.magnitude).sqrt(), angle))
    if fine is None or power.shape[-1] < FEWEST_FRAMES:
        for _ in range(quality.phase):
            wave = mel.fit(wave)
    else:
        wave = _fit_to_both(wave, mel, _second(fine, config), quality.phase)
    return torch.nn.functional.pad(wave, (0, max(0, samples - mel.length)))[..., :samples]


def _second(fine: torch.Tensor, config: SpectrogramConfig) -> _Picture:
    n_fft, hop = config.n_fft // detail.FINER, config.hop_length // detail.FINER
    return _Picture(fine, filterbank(n_fft, config.sample_rate, fine.shape[1]).to(fine), n_fft, hop)


def _fit_to_both(wave: torch.Tensor, mel: _Picture, fine: _Picture, iterations: int) -> torch.Tensor:
    """``wave`` [B, T] fitted to both pictures, and quiet before its onsets.

    Before a rise the second picture has half of the say, elsewhere a twentieth: more sharpens more, and costs mel.
    """
    loudest = fine.power.sum(1).amax(1, keepdim=True)
    level = onsets.level_db(fine.power, loudest)
    weight = onsets.fine_weight(level, fine.hop)
    for _ in range(iterations):
        wave = torch.lerp(mel.fit(wave), fine.fit(wave), weight)
    own = onsets.level_db(fine.of(wave), loudest)
    return onsets.quiet_before_onsets(wave, level, own, fine.n_fft, fine.hop)
