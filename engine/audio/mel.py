"""Waves to mel spectrograms in decibels, and the numbers that standardise them.

Letters: B batch, T samples, F frames, M mel bands.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from engine.audio.mel_scale import melscale_fbanks
from engine.audio.settings import SpectrogramConfig

RANGE_DB = 80.0
HEADROOM_DB = 6.0
GATE_DB = 1.5
ACTIVE_DB = 60.0
SILENCE_DB = -120.0


def mel_filterbank(config: SpectrogramConfig) -> torch.Tensor:
    """[n_fft // 2 + 1, M]: :func:`filterbank` of the model's spectrograms."""
    return filterbank(config.n_fft, config.sample_rate, config.n_mels, config.f_min, config.top_hz)


def filterbank(n_fft: int, sample_rate: int, bands: int, f_min: float, f_max: float) -> torch.Tensor:
    """[n_fft // 2 + 1, bands] triangles on Slaney's scale from ``f_min`` to ``f_max`` Hz, not normalised by width.

    Slaney's bands are better conditioned than HTK's when the mel spectrogram is inverted.
    """
    bank: torch.Tensor = melscale_fbanks(n_fft // 2 + 1, f_min, f_max, bands, sample_rate, None, "slaney")
    return bank


class AudioSpectrogram(nn.Module):
    """Waves [B, T] to mel power in dB [B, M, F], without a floor.

    A whole sound is centred on zeros before and after it. A chunk comes with ``n_fft // 2`` samples of what
    surrounds it on either side (``padded=True``), so that its frames equal those of the whole sound.
    """

    window: torch.Tensor
    bank: torch.Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.n_fft), persistent=False)
        self.register_buffer("bank", mel_filterbank(config), persistent=False)

    def forward(self, wave: torch.Tensor, *, padded: bool = False) -> torch.Tensor:
        spectrum = torch.stft(
            wave,
            self.config.n_fft,
            self.config.hop_length,
            window=self.window,
            center=not padded,
            pad_mode="constant",
            return_complex=True,
        )
        power = raised(spectrum.real.square() + spectrum.imag.square(), self.config.power / 2)
        return power_to_db(raised(torch.matmul(self.bank.T, power), 2 / self.config.power))


def raised(power: torch.Tensor, exponent: float) -> torch.Tensor:
    """``power`` to ``exponent``: what bands add up where ``SpectrogramConfig.power`` is not 2, and back to power."""
    return power if exponent == 1 else power.pow(exponent)


def power_to_db(power: torch.Tensor) -> torch.Tensor:
    """Power to decibels; silence becomes -120."""
    return 10 * torch.log10(power.clamp_min(10 ** (SILENCE_DB / 10)))


def to_power(db: torch.Tensor) -> torch.Tensor:
    return torch.exp2(db * (math.log2(10) / 10))  # six times as fast as ``torch.pow``


@dataclass(frozen=True)
class Scale:
    """Two scalars over a collection standardise it; its maximum places the floor.

    ref: largest mel power of the collection in dB. mean, std: of the floored dB values. Per-band means and per-file
    maxima were measured to be worse.
    """

    ref: float
    mean: float
    std: float

    @property
    def floor(self) -> float:
        return self.ref - RANGE_DB

    def standardise(self, db: torch.Tensor) -> torch.Tensor:
        return (db.clamp_min(self.floor) - self.mean) / self.std

    def restore(self, x: torch.Tensor) -> torch.Tensor:
        """Model units to dB, clipped to what sounds can have: [ref - 80, ref + 6]."""
        return (x * self.std + self.mean).clamp(self.floor, self.ref + HEADROOM_DB)

    def power(self, db: torch.Tensor) -> torch.Tensor:
        """Restored dB to power; bins within 1.5 dB of the floor become silence (the gate)."""
        return torch.where(db <= self.floor + GATE_DB, torch.zeros_like(db), to_power(db))
