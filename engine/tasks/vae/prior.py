"""Where new sounds come from: what the codes of the training sounds have in common.

Decoding independent N(0, I) draws is wrong even when all else is right, and worse with a temporal code, whose onsets
scatter. One-shots: one Gaussian over the flattened codes of whole sounds, so that every onset falls where it should.
Textures: a vector autoregression over latent frames around the mean of one sound, which says what sounds; the
autoregression says how it moves.

A new sound is a drawn deviation added to a point on the line between two sounds of the collection. Added to the mean of
all, a deviation drawn from few sounds' covariance is some of those sounds with a minus sign, which a decoder makes
clouds of.

Letters: N sounds, D latent_dim, L latent frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

JITTER = 1e-5
RIDGE = 1e-2
ORDER = 2
POSTERIOR_PART = 0.25
BURN_IN = 16
RADIUS = 0.98  # of the unit circle: within it a texture neither grows nor rings for ever
BETWEEN = (0.3, 0.7)
WITHIN = 0.7  # of the whole spread is left around a place between two one-shots


@dataclass(frozen=True)
class OneShotPrior:
    """mean [D * L] and lower-triangular factor [D * L, D * L] of the codes of whole sounds of L latent frames.

    means [N, D, L]: those codes; none in runs of an older version, whose sounds all turn around the mean.
    """

    mean: torch.Tensor
    factor: torch.Tensor
    frames: int
    means: torch.Tensor

    @classmethod
    def fit(cls, mean: torch.Tensor, variance: torch.Tensor) -> OneShotPrior:
        """From posterior means and variances [N, D, L].

        Of the variances a quarter: with all of it one sound in five swells again after it has died away, where one in
        twenty of the recordings does; without it all deviations are sums of those of the recordings.
        """
        codes = mean.flatten(1).double()
        centred = codes - codes.mean(0)
        covariance = centred.T @ centred / max(1, len(codes) - 1)
        covariance += torch.diag(POSTERIOR_PART * variance.flatten(1).double().mean(0) + JITTER)
        factor = torch.linalg.cholesky(covariance)
        return cls(codes.mean(0).float(), factor.float(), mean.shape[-1], mean.float())

    def deviate(self, noise: torch.Tensor, temperature: float) -> torch.Tensor:
        """Deviations [count, D, L] from the mean for standard normal ``noise`` of that shape."""
        return (temperature * noise.flatten(1) @ self.factor.T).view(noise.shape)

    def new(self, deviation: torch.Tensor, picks: torch.Tensor) -> torch.Tensor:
        """Codes [count, D, L] of new sounds: places between two for uniform ``picks`` [count, 3], and what
        :meth:`deviate` gave."""
        if not len(self.means):
            return self.mean.view(deviation.shape[1:]) + deviation
        return between(self.means, picks) + WITHIN * deviation


@dataclass(frozen=True)
class TexturePrior:
    """z[t] - m = A1 (z[t-1] - m) + A2 (z[t-2] - m) + e. transition [2 D, D], factor [D, D] of e, means [N, D]."""

    transition: torch.Tensor
    factor: torch.Tensor
    means: torch.Tensor

    @classmethod
    def fit(cls, codes: list[torch.Tensor], variance: torch.Tensor) -> TexturePrior:
        """From posterior means [D, L_n] of each sound and their mean variance [D]. Sounds need not be of one length."""
        means = torch.stack([code.mean(1) for code in codes]).double()
        centred = [(code.double() - mean[:, None]).T for code, mean in zip(codes, means, strict=True)]
        long = [frames for frames in centred if len(frames) > ORDER]
        dim = means.shape[1]
        if not long:
            factor = torch.diag((variance.double() + JITTER).sqrt())
            return cls(torch.zeros(ORDER * dim, dim), factor.float(), means.float())
        past = torch.cat([torch.cat([f[1:-1], f[:-2]], dim=1) for f in long])
        now = torch.cat([f[ORDER:] for f in long])
        gram = past.T @ past
        ridge = RIDGE * gram.diagonal().mean().clamp_min(JITTER) * torch.eye(ORDER * dim, dtype=gram.dtype)
        transition = _stable(torch.linalg.solve(gram + ridge, past.T @ now))
        left = now - past @ transition
        covariance = left.T @ left / max(1, len(left) - 1) + torch.diag(variance.double() + JITTER)
        return cls(transition.float(), torch.linalg.cholesky(covariance).float(), means.float())

    def deviate(self, noise: torch.Tensor, temperature: float) -> torch.Tensor:
        """Deviations [count, D, L - 16] from a sound's mean for standard normal ``noise`` [count, D, L].

        The first 16 frames let the process forget that it began at rest.
        """
        shocks = temperature * torch.einsum("cdl,ed->lce", noise, self.factor)
        before, now = torch.zeros_like(shocks[0]), torch.zeros_like(shocks[0])
        frames = []
        for shock in shocks:
            before, now = now, torch.cat([now, before], dim=1) @ self.transition + shock
            frames.append(now)
        return torch.stack(frames, dim=-1)[..., BURN_IN:]

    def new(self, deviation: torch.Tensor, picks: torch.Tensor) -> torch.Tensor:
        """Codes [count, D, L] of new textures: places between two for uniform ``picks`` [count, 3], and what
        :meth:`deviate` gave."""
        return between(self.means, picks)[..., None] + deviation


def between(means: torch.Tensor, picks: torch.Tensor) -> torch.Tensor:
    """Places [count, ...] between two of ``means`` [N, ...] for draws [count, 3] from [0, 1): first, second, where."""
    first, second, weight = _two_of(len(means), picks)
    return torch.lerp(means[first], means[second], weight.view(-1, *[1] * (means.ndim - 1)).to(means))


def nearer(sounds: int, picks: torch.Tensor) -> torch.Tensor:
    """Which of ``sounds`` [count] the places of :func:`between` were drawn nearer to, each as often as any other; 0
    where there are none."""
    first, second, weight = _two_of(max(1, sounds), picks)
    return torch.where(weight < 0.5, first, second)


def _two_of(sounds: int, picks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """First and second sound, and how far from the first to the second, each [count]."""
    first = (picks[:, 0] * sounds).long().clamp_max(sounds - 1)
    others = max(1, sounds - 1)
    second = (first + 1 + (picks[:, 1] * others).long().clamp_max(others - 1)) % sounds
    low, high = BETWEEN
    return first, second, low + (high - low) * picks[:, 2]


Prior = OneShotPrior | TexturePrior


def _stable(transition: torch.Tensor) -> torch.Tensor:
    """``transition`` with the process it drives pulled inside the unit circle, lag by lag, where it is not."""
    dim = transition.shape[1]
    companion = torch.zeros(ORDER * dim, ORDER * dim, dtype=transition.dtype)
    companion[:dim] = transition.T
    companion[dim:, :dim] = torch.eye(dim, dtype=transition.dtype)
    largest = float(torch.linalg.eigvals(companion).abs().max())
    if largest <= RADIUS:
        return transition
    shrink = RADIUS / largest
    scale = torch.cat([torch.full((dim,), shrink), torch.full((dim,), shrink**2)]).to(transition)
    return transition * scale[:, None]


def prior_state(prior: Prior) -> dict[str, Any]:
    """Tensors and words that :func:`load_prior` takes back."""
    if isinstance(prior, OneShotPrior):
        return {
            "kind": "one-shots",
            "mean": prior.mean,
            "factor": prior.factor,
            "frames": prior.frames,
            "means": prior.means,
        }
    return {"kind": "textures", "transition": prior.transition, "factor": prior.factor, "means": prior.means}


def load_prior(state: Mapping[str, Any]) -> Prior:
    """The prior that :func:`prior_state` described; ``ValueError`` for any other, or when its shapes contradict."""
    if state.get("kind") == "one-shots":
        size, frames = len(state["mean"]), int(state["frames"])
        if tuple(state["factor"].shape) != (size, size) or frames < 1 or size % frames:
            raise ValueError(f"a prior of {size} numbers over {frames} frames")
        mean = state["mean"].float()
        means = state["means"].float() if "means" in state else mean.new_zeros(0, size // frames, frames)
        if tuple(means.shape[1:]) != (size // frames, frames):
            raise ValueError(f"a prior of shapes {tuple(mean.shape)} and {tuple(means.shape)}")
        return OneShotPrior(mean, state["factor"].float(), int(state["frames"]), means)
    if state.get("kind") == "textures":
        dim = len(state["factor"])
        shapes = [tuple(state[name].shape) for name in ("transition", "factor")]
        if shapes != [(ORDER * dim, dim), (dim, dim)] or state["means"].shape[1:] != (dim,):
            raise ValueError(f"a prior of shapes {shapes}")
        return TexturePrior(state["transition"].float(), state["factor"].float(), state["means"].float())
    raise ValueError(f"unknown prior {state.get('kind')!r}")


def is_texture(half_energy: torch.Tensor, active_s: torch.Tensor) -> bool:
    """Whether a collection is of textures rather than one-shots.

    half_energy: where in each file (0...1) half its energy has passed. active_s: seconds within 25 dB of its peak.
    Duration alone fails: a cymbal rings two and a half seconds.
    """
    return float(half_energy.median()) > 0.25 and float(active_s.median()) >= 1.2
