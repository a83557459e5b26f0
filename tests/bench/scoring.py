"""How far one wave is from another: any pair of waves, whoever made them. Shares no code with the engine's transform.

128 unnormalised HTK bands from 0 Hz to Nyquist, periodic Hann window, 2048 / 512, centred; decibels relative to the
original's own maximum, floor -80 on both sides, active where the original is above -60.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from engine.audio.mel_scale import melscale_fbanks

RATE = 48_000
N_FFT, HOP, BANDS = 2048, 512, 128
FLOOR_DB, ACTIVE_DB = -80.0, -60.0
RESOLUTIONS = (512, 1024, 2048)
_BANK = melscale_fbanks(N_FFT // 2 + 1, 0.0, RATE / 2, BANDS, RATE, None, "htk")


def spectrum(wave: np.ndarray, n_fft: int = N_FFT) -> torch.Tensor:
    """Magnitudes [n_fft // 2 + 1, F] of a wave [T], a quarter of a window from frame to frame."""
    window = torch.hann_window(n_fft)
    tensor = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    return torch.stft(tensor, n_fft, n_fft // 4, window=window, pad_mode="constant", return_complex=True).abs()


def mel_power(wave: np.ndarray) -> torch.Tensor:
    """[128, F]."""
    return _BANK.T @ spectrum(wave).square()


def relative_db(power: torch.Tensor, loudest: float | None = None) -> torch.Tensor:
    """Decibels relative to ``loudest`` (its own maximum unless given), floored at -80."""
    top = max(float(power.max()) if loudest is None else loudest, 1e-20)
    return (10 * torch.log10(power.clamp_min(1e-20) / top)).clamp_min(FLOOR_DB)


def error_db(original: torch.Tensor, other: torch.Tensor) -> dict[str, float]:
    """Mean absolute error of one [128, F] against another, over all bins and over active ones."""
    error = (original - other).abs()
    active = original > ACTIVE_DB
    return {"all_db": float(error.mean()), "active_db": float(error[active].mean()) if active.any() else 0.0}


def score(original: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Two waves [T] at 48 kHz; ``other`` is cut or padded to the original's length.

    all_db, active_db; spectral_convergence and log_magnitude (mean absolute dB, floored 80 below the original's
    maximum), each the mean over windows of 512, 1024 and 2048 samples.
    """
    other = np.pad(other, (0, max(0, len(original) - len(other))))[: len(original)]
    power, other_power = mel_power(original), mel_power(other)
    loudest = float(power.max())
    found = error_db(relative_db(power), relative_db(other_power, loudest))
    convergence, distance = [], []
    for n_fft in RESOLUTIONS:
        ours, theirs = spectrum(original, n_fft), spectrum(other, n_fft)
        convergence.append(float((ours - theirs).norm() / ours.norm().clamp_min(1e-20)))
        top = float(ours.square().max())
        distance.append(float((relative_db(ours.square()) - relative_db(theirs.square(), top)).abs().mean()))
    return found | {
        "spectral_convergence": float(np.mean(convergence)),
        "log_magnitude_db": float(np.mean(distance)),
    }


def best_constants(sounds: Sequence[torch.Tensor]) -> dict[str, torch.Tensor]:
    """The constant answers [128, 1] with the least error on ``sounds`` (each [128, F]): band by band, the median over
    all frames for "all_db", over active bins for "active_db"."""
    frames = torch.cat(list(sounds), dim=1)
    active = torch.where(frames > ACTIVE_DB, frames, torch.nan)
    medians = {"all_db": frames.median(1).values, "active_db": active.nanmedian(1).values}
    return {name: median.nan_to_num(ACTIVE_DB)[:, None] for name, median in medians.items()}


def mean_score(pairs: Sequence[dict[str, float]]) -> dict[str, float]:
    """The mean of several scores, files weighted equally."""
    return {name: float(np.mean([pair[name] for pair in pairs])) for name in pairs[0]}
