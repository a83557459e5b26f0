"""Noise as quiet as wanted in each band and frame: no phase search has to find it.

Letters: B batch, M mel bands, F frames.
"""

from __future__ import annotations

import numpy as np
import torch

from engine.audio.mel import AudioSpectrogram


def shaped_noise(
    gain: torch.Tensor, transform: AudioSpectrogram, samples: int, generator: np.random.Generator
) -> torch.Tensor:
    """White noise of deviation 1 times amplitudes ``gain`` [B, M, F]: waves [B, samples], each from the same noise."""
    config, window = transform.config, transform.window
    n_fft, hop, length = config.n_fft, config.hop_length, max(samples, config.n_fft)
    white = torch.from_numpy(generator.standard_normal((1, length), dtype=np.float32)).to(gain.device)
    spectrum = torch.stft(white, n_fft, hop, window=window, pad_mode="constant", return_complex=True)
    of_bins = (transform.bank / transform.bank.sum(1, keepdim=True).clamp_min(1e-12)) @ gain
    missing = spectrum.shape[-1] - of_bins.shape[-1]
    shaped = spectrum * torch.nn.functional.pad(of_bins, (0, missing))
    return torch.istft(shaped, n_fft, hop, window=window, length=length)[:, :samples]
