"""A given sound's code, fitted to it: nearer than the encoder's answer, which is one for all sounds.

What an encoder learned on a few sounds falls short on others, though the decoder could say them (the amortisation gap:
Cremer, Li and Duvenaud 2018). A sound that is given is there to compare with, so its code is moved by a few steps of
gradient descent while the weights stay (Kim et al. 2018). Different here: louder bins count more, their magnitudes
beside their decibels, a colour is fitted beside the code, and a copy's first frames are as loud as its original's.

Letters: B windows, M mel bands, F frames, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from engine.audio.mel import RANGE_DB, Scale, power_to_db, to_power
from engine.eager_optimizer import eager
from engine.tasks.vae.edges import MOST_DB, faded, onset_levels, with_onset
from engine.tasks.vae.losses import OVERLAP, SIGMA_FLOOR_DB
from engine.tasks.vae.model import STRIDE, ConvVAE
from engine.tasks.vae.residual import ONSET_FRAMES, SOUNDING_DB, coloured

STEPS = 30
RATE = 0.3
SOFTEST, LOUDEST = 0.5, 2.5  # how much a bin counts at the floor and 80 dB above it
MAGNITUDE_WEIGHT = 4.0
# Of a longer sound the gradient is summed over parts of so many latent frames (87 s at 48 kHz), each decoded with as
# many around it as a frame can depend on: the same numbers, and what the decoder remembers fits into memory.
PART, AROUND = 512, 2


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
    normal). Deterministic. Costs what 30 updates on one sound of this length cost, 0.2 s a second of sound on one core,
    and the memory of an update on 87 s of it.
    """
    with torch.inference_mode(False), torch.enable_grad():
        wanted = x.clone() * scale.std + scale.mean
        shades, code = shades.clone(), mean.clone().requires_grad_()
        weights = shades.new_zeros(len(shades)).requires_grad_()
        parts = _parts(code.shape[-1], x.shape[-1])
        likely = _Likelihood(wanted, scale.floor, parts)
        descent = eager(torch.optim.Adam)([code, weights], lr=RATE)
        for step in range(STEPS):
            descent.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
            code.grad, weights.grad = code.detach().clone(), weights.detach().clone()  # of their standard normal
            for part in parts:
                decoded = part.decoded(model, code) * scale.std + scale.mean
                # Silence is for the code to say: of a decoder that cannot yet, all colours would be dark.
                heard = part.of(wanted) > scale.floor + SOUNDING_DB
                tinted = torch.where(heard, coloured(decoded, weights @ shades, scale.floor), decoded)
                nats = likely.nats(struck(tinted) if part.first == 0 else tinted, part)
                torch.autograd.backward(nats, inputs=[code, weights])
            descent.step()
        return Refined(code.detach(), (weights @ shades).detach())


def _quieter_after(wanted: torch.Tensor, db: torch.Tensor) -> torch.Tensor:
    """By how many dB a copy [..., M, F] is too quiet after its beginning, at least 0; 0 of one all beginning."""
    after = [power_to_db(to_power(one[..., ONSET_FRAMES:]).sum((-2, -1), keepdim=True)) for one in (wanted, db)]
    return (after[0] - after[1]).clamp_min(0)


def begun_as(db: torch.Tensor, wanted: torch.Tensor, floor: float) -> torch.Tensor:
    """``db`` [..., M, F] of a copy, where there is sound, with first frames as loud as those of ``wanted`` [..., M, F].

    A code stands for sixteen frames, and a soft beginning before a stroke is one or two of them, which count little in
    its fit: they came out up to 14 dB too loud. So eight frames get the levels of ``wanted`` in each quarter of the
    bands, the last four less and less, none more than 12 dB louder than it was; less by what the copy is too quiet
    after them, or it would be spikier than its original, and could not be as loud without clipping.
    """
    wanted = wanted.clamp_min(floor)
    lacks = onset_levels(wanted) - onset_levels(db) - _quieter_after(wanted, db)
    return with_onset(db, faded(lacks).clamp_max(MOST_DB), floor)


@dataclass(frozen=True)
class _Part:
    """A part of a sound, from its latent frame ``first`` on, decoded from those between ``begin`` and ``end``; its
    ``frames`` are those of the spectrogram."""

    first: int
    begin: int
    end: int
    frames: slice

    def of(self, picture: torch.Tensor) -> torch.Tensor:
        """[..., F] in these frames."""
        return picture[..., self.frames]

    def decoded(self, model: ConvVAE, code: torch.Tensor) -> torch.Tensor:
        """What ``model`` makes of the whole sound's ``code`` [B, D, L] in these frames."""
        shift = STRIDE * self.begin
        picture = model.decode(code[..., self.begin : self.end], self.frames.stop - shift)
        return picture[..., self.frames.start - shift :]


def _parts(latent_frames: int, frames: int) -> list[_Part]:
    """What a sound is fitted in, in order: one part where it is short."""
    if latent_frames <= PART:
        return [_Part(0, 0, latent_frames, slice(0, frames))]
    return [
        _Part(
            first,
            max(0, first - AROUND),
            min(first + PART + AROUND, latent_frames),
            slice(STRIDE * first, min(STRIDE * (first + PART), frames)),
        )
        for first in range(0, latent_frames, PART)
    ]


class _Likelihood:
    """Of ``wanted`` [B, 1, M, F] in dB, given what is decoded. Silence counts little, however long it is."""

    def __init__(self, wanted: torch.Tensor, floor: float, parts: Sequence[_Part]) -> None:
        self.wanted, self.floor, self.top = wanted, floor, float(wanted.max())
        pictures = [part.of(wanted) for part in parts]
        loudness = sum(float(self._loudness(one).sum()) for one in pictures)
        self.scale = MAGNITUDE_WEIGHT * loudness / sum(float(self._magnitudes(one).square().sum()) for one in pictures)

    def _loudness(self, db: torch.Tensor) -> torch.Tensor:
        return ((db - self.floor) / RANGE_DB).clamp(0, 1)

    def _magnitudes(self, db: torch.Tensor) -> torch.Tensor:
        return to_power((db - self.top) / 2)

    def nats(self, decoded: torch.Tensor, part: _Part) -> torch.Tensor:
        """Of a part, but for what does not depend on ``decoded``. A mean of decibels is softer than the loudest of
        them: without magnitudes lines come out 3 to 6 dB too soft, and so do beginnings."""
        wanted = part.of(self.wanted)
        weights = SOFTEST + (LOUDEST - SOFTEST) * self._loudness(wanted)
        bins = (weights * (decoded - wanted).square()).sum() / (2 * SIGMA_FLOOR_DB**2)
        lines = self.scale * (self._magnitudes(decoded) - self._magnitudes(wanted)).square().sum()
        return (bins + lines) / OVERLAP
