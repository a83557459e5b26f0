"""A given sound's code, fitted to it: nearer than the encoder's answer, which is one for all sounds.

What an encoder learned on a few sounds falls short on others, though the decoder could say them (the amortisation gap:
Cremer, Li and Duvenaud 2018). A sound that is given is there to compare with, so its code is moved by a few steps of
gradient descent while the weights stay (Kim et al. 2018). Different here: louder bins count more, their magnitudes
beside their decibels, a colour is fitted beside the code, and a copy's first frames are as loud as its original's.

Letters: B windows, M mel bands, F frames, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from engine.audio.mel import RANGE_DB, Scale, power_to_db, to_power
from engine.eager_optimizer import eager
from engine.tasks.vae.losses import OVERLAP, SIGMA_FLOOR_DB
from engine.tasks.vae.model import ConvVAE
from engine.tasks.vae.residual import ONSET_FRAMES, SOUNDING_DB, coloured

STEPS = 30
RATE = 0.3
SOFTEST, LOUDEST = 0.5, 2.5  # how much a bin counts at the floor and 80 dB above it
MAGNITUDE_WEIGHT = 4.0
ONSET_PARTS = 4
ONSET_FADE_FRAMES = 4
MOST_LOUDER_DB = 12.0


@dataclass(frozen=True)
class Refined:
    """code [B, D, L]; colour [M]: by how many dB each band of the sound is louder than the decoder makes it."""

    code: torch.Tensor
    colour: torch.Tensor


def refined(
    model: ConvVAE,
    scale: Scale,
    x: torch.Tensor,
    mean: torch.Tensor,
    shades: torch.Tensor,
    struck: Callable[[torch.Tensor], torch.Tensor],
) -> Refined:
    """The code of standardised windows ``x`` [B, 1, M, F], beginning at the encoder's answer ``mean``, and the colour.

    shades [K, M]: what colours are made of, see :meth:`engine.tasks.vae.residual.Residual.shades`; none of them, no
    colour. struck: what is done to the beginning of what is decoded, in dB, before it is heard: the fit counts on it.
    Thirty steps of Adam, which shorten to nothing. The error of a bin is as likely as in training at its best
    (a Gaussian of 3 dB, see :mod:`engine.tasks.vae.losses`), and so are code and weights of the shades (standard
    normal). Deterministic. Costs what 30 updates on one sound of this length cost, 0.2 s a second of sound on one core.
    """
    with torch.inference_mode(False), torch.enable_grad():
        wanted = x.clone() * scale.std + scale.mean
        shades = shades.clone()
        likely, heard = _Likelihood(wanted, scale.floor), wanted > scale.floor + SOUNDING_DB
        code, weights = mean.clone().requires_grad_(), shades.new_zeros(len(shades)).requires_grad_()
        descent = eager(torch.optim.Adam)([code, weights], lr=RATE)
        for step in range(STEPS):
            descent.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            decoded = model.decode(code, x.shape[-1]) * scale.std + scale.mean
            # Silence is for the code to say: of a decoder that cannot yet, all colours would be dark.
            tinted = torch.where(heard, coloured(decoded, weights @ shades, scale.floor), decoded)
            loss = likely.nats(struck(tinted))
            loss = loss + (code.square().sum() + weights.square().sum()) / 2
            code.grad, weights.grad = torch.autograd.grad(loss, (code, weights))
            descent.step()
        return Refined(code.detach(), (weights @ shades).detach())


def begun_as(db: torch.Tensor, wanted: torch.Tensor, floor: float) -> torch.Tensor:
    """``db`` [..., M, F] of a copy, where there is sound, with first frames as loud as those of ``wanted`` [..., M, F].

    A code stands for sixteen frames, and a soft beginning before a stroke is one or two of them, which count little in
    its fit: they came out up to 14 dB too loud. So eight frames get the levels of ``wanted`` in each quarter of the
    bands, the last four less and less, none more than 12 dB louder than it was.
    """
    frames = min(ONSET_FRAMES, db.shape[-1])
    bands = db.shape[-2] // ONSET_PARTS
    powers = (to_power(part[..., :frames]) for part in (wanted.clamp_min(floor), db))
    ours, theirs = (power_to_db(torch.stack(torch.split(power, bands, dim=-2), -3).sum(-2)) for power in powers)
    fade = (torch.arange(ONSET_FRAMES, 0, -1).to(db) / (ONSET_FADE_FRAMES + 1)).clamp_max(1)[:frames]
    louder = ((ours - theirs) * fade).clamp_max(MOST_LOUDER_DB).repeat_interleave(bands, -2)
    louder = torch.nn.functional.pad(louder, (0, db.shape[-1] - frames))
    return torch.where(db > floor + SOUNDING_DB, db + louder, db)


class _Likelihood:
    """Of ``wanted`` [B, 1, M, F] in dB, given what is decoded. Silence counts little, however long it is."""

    def __init__(self, wanted: torch.Tensor, floor: float) -> None:
        self.wanted, self.top = wanted, float(wanted.max())
        loudness = ((wanted - floor) / RANGE_DB).clamp(0, 1)
        self.weights = SOFTEST + (LOUDEST - SOFTEST) * loudness
        self.magnitudes = self._magnitudes(wanted)
        self.scale = MAGNITUDE_WEIGHT * float(loudness.sum()) / float(self.magnitudes.square().sum())

    def _magnitudes(self, db: torch.Tensor) -> torch.Tensor:
        return to_power((db - self.top) / 2)

    def nats(self, decoded: torch.Tensor) -> torch.Tensor:
        """But for what does not depend on ``decoded``. A mean of decibels is softer than the loudest of them: without
        magnitudes lines come out 3 to 6 dB too soft, and so do beginnings."""
        bins = (self.weights * (decoded - self.wanted).square()).sum() / (2 * SIGMA_FLOOR_DB**2)
        lines = self.scale * (self._magnitudes(decoded) - self.magnitudes).square().sum()
        return (bins + lines) / OVERLAP
