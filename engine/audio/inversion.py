"""Mel power back to a wave.

Two steps. The magnitude of the linear spectrum starts from a multiplicative inverse of the mel matrix (Richardson and
Lucy's deconvolution, the Kullback-Leibler update of Lee and Seung 2001). The phase comes from Griffin-Lim with momentum
(Perraudin, Balazs and Sondergaard 2013), but each iteration keeps the magnitude its own phase suggests and corrects it
only as far as the mel spectrogram demands, instead of forcing one guess of the linear spectrum on it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.audio.mel import mel_filterbank, raised
from engine.audio.settings import SpectrogramConfig

MOMENTUM = 0.99
_TINY = 1e-12


@dataclass(frozen=True)
class Quality:
    """Iterations of the magnitude's inverse and of the phase search."""

    magnitude: int
    phase: int


FAST = Quality(5, 16)
BEST = Quality(10, 64)


def invert_mel(
    power: torch.Tensor, config: SpectrogramConfig, samples: int, phase: torch.Tensor, quality: Quality = FAST
) -> torch.Tensor:
    """Mel power [B, M, F] to waves [B, samples].

    phase: [B, n_fft // 2 + 1, F] start phases in turns (0...1): randomness is an argument.
    """
    power = raised(power, config.power / 2)  # what the bands added up
    bank = mel_filterbank(config).to(power)
    sums = bank.sum(0, keepdim=True).T.clamp_min(_TINY)  # [M, 1]
    linear = _deconvolve(power, bank, sums, quality.magnitude)
    window = torch.hann_window(config.n_fft, device=power.device, dtype=power.dtype)
    angle = phase.to(power) * (2 * torch.pi)
    spectrum = torch.polar(raised(linear, 2 / config.power).sqrt(), angle)
    length = config.hop_length * (power.shape[-1] - 1)
    previous = torch.zeros_like(spectrum)
    for _ in range(quality.phase):
        wave = torch.istft(spectrum, config.n_fft, config.hop_length, window=window, length=length)
        rebuilt = torch.stft(
            wave, config.n_fft, config.hop_length, window=window, pad_mode="constant", return_complex=True
        )
        accelerated = rebuilt + MOMENTUM * (rebuilt - previous)
        previous = rebuilt
        spectrum = _fit_to_mel(accelerated, power, bank, config.power)
    wave = torch.istft(spectrum, config.n_fft, config.hop_length, window=window, length=length)
    return torch.nn.functional.pad(wave, (0, max(0, samples - length)))[..., :samples]


def _deconvolve(power: torch.Tensor, bank: torch.Tensor, sums: torch.Tensor, iterations: int) -> torch.Tensor:
    weight = bank.sum(1, keepdim=True).clamp_min(_TINY)  # [bins, 1]
    linear = bank @ (power / sums) / weight
    for _ in range(iterations):
        ratio = power / (bank.T @ linear).clamp_min(_TINY)
        linear = linear * (bank @ ratio) / weight
    return linear


def _fit_to_mel(spectrum: torch.Tensor, power: torch.Tensor, bank: torch.Tensor, exponent: float) -> torch.Tensor:
    """``spectrum`` with its magnitude scaled by one multiplicative step towards the mel sums it should have.

    power: [B, M, F], sums of magnitudes to ``exponent``.
    """
    magnitude = raised(spectrum.real.square() + spectrum.imag.square(), exponent / 2)
    ratio = power / (bank.T @ magnitude).clamp_min(_TINY)
    weight = bank.sum(1, keepdim=True).clamp_min(_TINY)
    return spectrum * raised(bank @ ratio / weight, 2 / exponent).sqrt()
