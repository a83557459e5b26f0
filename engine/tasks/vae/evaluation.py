"""What is recorded of the model: each figure by its name, and how it is read off the copies of a side's sounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch

from engine.task import MetricSpec
from engine.tasks.vae.dataset import EvaluationItems
from engine.tasks.vae.losses import VAELoss
from engine.tasks.vae.model import ConvVAE

EVALUATION_BATCH = 32
IDLE_NATS = 0.1

METRICS = (
    MetricSpec(name="val_recon_db", label="new sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_recon_db", label="its own sounds", unit="dB", chart="quality", better="lower"),
    MetricSpec(name="train_loss", label="Loss", chart="loss", better="lower"),
    MetricSpec(name="val_loss", label="Validation loss", chart="loss", better="lower"),
    MetricSpec(name="recon_loss", label="Reconstruction loss", chart="loss_part", better="lower"),
    MetricSpec(name="val_recon_loss", label="Validation reconstruction loss", chart="loss_part", better="lower"),
    MetricSpec(name="kl_divergence", label="KL", unit="nats", chart="regulariser"),
    MetricSpec(name="kl_weight", label="KL weight", chart="regulariser"),
    MetricSpec(name="kl_per_dim", label="KL by dimension", unit="nats", chart="bars"),
    MetricSpec(name="kl_max_dim", label="KL of the busiest dimension", unit="nats"),
    MetricSpec(name="kl_median_dim", label="KL of the middle dimension", unit="nats"),
    MetricSpec(name="idle_dims", label="Part of the code that lies idle"),
    MetricSpec(name="learning_rate", label="Learning rate", chart="rate"),
    MetricSpec(name="sigma_db", label="Sigma", unit="dB", better="lower"),
    MetricSpec(name="grad_norm", label="Gradient norm"),
)


def copies(model: ConvVAE, x: torch.Tensor, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Of x [N, 1, M, F], made from the means of their codes, 32 at a time; like x, and the codes' mean and log_var
    [N, D, L]. All on the CPU."""
    outputs, means, log_vars = [], [], []
    for part in torch.split(x, EVALUATION_BATCH):
        mean, log_var = model.encode(part.to(device, memory_format=torch.channels_last))
        outputs.append(model.decode(mean, x.shape[-1]).cpu())
        means.append(mean.cpu())
        log_vars.append(log_var.cpu())
    return torch.cat(outputs), torch.cat(means), torch.cat(log_vars)


def own_figures(errors: torch.Tensor, out: VAELoss) -> dict[str, Any]:
    """Of the sounds that are learned from. errors [files]: from :meth:`EvaluationItems.error_db`."""
    return {"train_recon_db": float(errors.mean()), "train_kl_divergence": float(out.divergence)}


def held_out_figures(
    errors: torch.Tensor,
    by_file: Sequence[float],
    baseline: float | None,
    out: VAELoss,
    code: Sequence[int],
    std_db: float,
) -> dict[str, Any]:
    """Of the held-out sounds. errors [files]: as above; by_file: from :func:`error_by_file`; baseline: the average
    sound's error, dB. code: D and L. std_db: decibels in one unit of the model."""
    per_dim = out.kl_per_dim
    return {
        "val_loss": float(out.loss),
        "val_recon_loss": float(out.recon),
        "val_kl_loss": float(out.kl),
        "val_recon_db": float(errors.mean()),
        "val_recon_se_db": float(errors.std() / math.sqrt(len(errors))) if len(errors) > 1 else math.nan,
        "val_recon_db_files": by_file,
        "baseline_db": baseline,
        "kl_divergence": float(out.divergence),
        "kl_per_dim": [round(nats, 4) for nats in per_dim.reshape(tuple(code)).mean(1).tolist()],
        "kl_max_dim": float(per_dim.max()),
        "kl_median_dim": float(per_dim.median()),
        "idle_dims": float((per_dim < IDLE_NATS).float().mean()),
        "sigma_db": std_db * float(out.mse.sqrt()),
    }


def error_by_file(errors: torch.Tensor, items: EvaluationItems, files: int) -> list[float]:
    """``errors`` of each of so many files, a ten-thousandth of a dB is enough; NaN for those that are not evaluated:
    copies of an earlier one, and those too many."""
    found = [math.nan] * files
    for sound, error in zip(sorted(set(items.files.tolist())), errors.tolist(), strict=True):
        found[sound] = round(error, 4)
    return found
