"""The loss: a Gaussian likelihood whose variance is the error itself, so that no constant balances it against the KL.

Source: Rybkin, Daniilidis and Levine, "Simple and Effective VAE Training with Calibrated Decoders" (2021). Different
here: the effective number of pixels counts the overlap of frames and bands, and the variance has a floor of 3 dB.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from engine.whole_batch import over_batch

OVERLAP = 8.0
SIGMA_FLOOR_DB = 3.0


@dataclass(frozen=True)
class VAELoss:
    """All but ``kl_per_dim`` [D * L] are scalars. recon, kl: divided by D_eff. divergence: KL itself, in nats.

    loss = recon + kl_weight * kl. ``kl`` has free bits; ``divergence`` and ``kl_per_dim`` have none.
    """

    loss: torch.Tensor
    recon: torch.Tensor
    kl: torch.Tensor
    divergence: torch.Tensor
    kl_per_dim: torch.Tensor
    mse: torch.Tensor


def vae_loss(
    x: torch.Tensor,
    reconstruction: torch.Tensor,
    mean: torch.Tensor,
    log_var: torch.Tensor,
    *,
    kl_weight: float,
    free_bits: float,
    std_db: float,
) -> VAELoss:
    """x, reconstruction [B, 1, M, F]; mean, log_var [B, D, L]. std_db: decibels in one unit of x."""
    effective = x[0].numel() / OVERLAP
    mse = over_batch((reconstruction - x).square().mean())
    variance = mse.detach().clamp_min((SIGMA_FLOOR_DB / std_db) ** 2)
    recon = 0.5 * (mse / variance + variance.log())
    per_dim = over_batch((0.5 * (mean.square() + log_var.exp() - log_var - 1)).mean(0).flatten())
    # Clamped after the mean over the batch: a clamp per item frees dimensions that some items need.
    kl = per_dim.clamp_min(free_bits).sum() / effective
    return VAELoss(recon + kl_weight * kl, recon, kl, per_dim.sum(), per_dim, mse)


def get_kl_weight(done: float, total: float, warmup_fraction: float) -> float:
    """Rises linearly from 0 to 1 over the first ``warmup_fraction`` of training.

    done: how much of ``total`` lies behind: updates, or, of a run whose end may move, progress of 1.
    """
    warmup = warmup_fraction * total
    return 1.0 if warmup <= 0 else min(1.0, done / warmup)
