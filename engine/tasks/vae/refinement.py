"""A given sound's code, fitted to it: nearer than the encoder's answer, which is one for all sounds.

What an encoder learned on a few sounds falls short on others, though the decoder could say them (the amortisation gap:
Cremer, Li and Duvenaud 2018). A sound that is given is there to compare with, so its code is moved by a few steps of
gradient descent while the weights stay (Kim et al. 2018). Different here: each frame's level counts beside its bands.

Letters: B windows, M mel bands, F frames, D latent_dim, L latent frames.
"""

from __future__ import annotations

import torch

from engine.audio.mel import Scale, power_to_db, to_power
from engine.eager_optimizer import eager
from engine.tasks.vae.losses import OVERLAP, SIGMA_FLOOR_DB
from engine.tasks.vae.model import ConvVAE

STEPS = 30
RATE = 0.1
LEVEL_WEIGHT = 8.0


def refined(model: ConvVAE, scale: Scale, x: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """The code [B, D, L] of standardised windows ``x`` [B, 1, M, F], beginning at the encoder's answer ``mean``.

    Thirty steps of Adam, which shorten to nothing. The error of a bin is as likely as in training at its best (a
    Gaussian of 3 dB, see :mod:`engine.tasks.vae.losses`), and so is the code (standard normal). Deterministic. Costs
    what 30 updates on one sound of this length cost, 0.2 s a second of sound on one core.
    """
    with torch.inference_mode(False), torch.enable_grad():
        wanted = x.clone() * scale.std + scale.mean
        code = mean.clone().requires_grad_()
        descent = eager(torch.optim.Adam)([code], lr=RATE)
        for step in range(STEPS):
            descent.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            decoded = model.decode(code, x.shape[-1]) * scale.std + scale.mean
            (code.grad,) = torch.autograd.grad(_loss(decoded, wanted, code), code)
            descent.step()
        return code.detach()


def _loss(decoded: torch.Tensor, wanted: torch.Tensor, code: torch.Tensor) -> torch.Tensor:
    """Nats, but for what does not depend on the code. Without the levels a copy begins as much too softly as a mean of
    decibels lies below the decibels of a mean."""
    bins = (decoded - wanted).square().sum()
    frames = (_level_db(decoded) - _level_db(wanted)).square().sum()
    return (bins + LEVEL_WEIGHT * frames) / (2 * SIGMA_FLOOR_DB**2 * OVERLAP) + code.square().sum() / 2


def _level_db(db: torch.Tensor) -> torch.Tensor:
    return power_to_db(to_power(db).sum(-2))
