"""What generated sounds have in common with real ones, on features made by hand. Sounds are dB [128, F]."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch

from tests.bench.scoring import HOP, RATE

GROUPS = 16
MODULATIONS = 8
QUIET_DB = 40.0
WINDOW = RATE // HOP + 1


def second(db: torch.Tensor) -> torch.Tensor:
    """[128, F] cut or padded with silence to one second."""
    frames = WINDOW - db.shape[1]
    return torch.nn.functional.pad(db[:, :WINDOW], (0, max(0, frames)), value=-80.0)


def features(db: torch.Tensor) -> np.ndarray:
    """[40]: mean and deviation of 16 groups of bands in dB, and energies of the envelope's modulations in dB."""
    grouped = second(db).view(GROUPS, -1, WINDOW).mean(1)
    envelope = grouped - grouped.mean(1, keepdim=True)
    strength = torch.fft.rfft(envelope, dim=1).abs().square().mean(0)[1:] / WINDOW
    edges = np.geomspace(1, len(strength), MODULATIONS + 1).round().astype(int)
    edges = np.maximum(edges, np.arange(1, MODULATIONS + 2))
    modulation = [10 * torch.log10(strength[a - 1 : b].mean() + 1e-3) for a, b in pairwise(edges)]
    return torch.cat([grouped.mean(1), grouped.std(1), torch.stack(modulation)]).numpy().astype(np.float64)


def frechet(one: np.ndarray, other: np.ndarray) -> float:
    """Frechet distance [N, 40] to [K, 40] between Gaussians, in units of ``one``'s deviations, per feature."""
    scale = np.maximum(one.std(0), 0.5)
    one, other = one / scale, other / scale
    covariances = [np.cov(part, rowvar=False) for part in (one, other)]
    mean = float(((one.mean(0) - other.mean(0)) ** 2).sum())
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    middle = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ covariances[1] @ root), 0)).sum()
    return (mean + float(np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * middle)) / one.shape[1]


def diversity(items: np.ndarray, scale: np.ndarray) -> float:
    """Mean distance between two of ``items`` [N, 40], in units of ``scale`` [40]."""
    items = items / np.maximum(scale, 0.5)
    distances = np.sqrt(((items[:, None] - items[None]) ** 2).sum(-1))
    return float(distances[np.triu_indices(len(items), 1)].mean())


def onset_s(db: torch.Tensor) -> float:
    """When a sound sets in: the steepest rise of its level, silence before it included."""
    level = 10 * torch.log10((10 ** (db / 10)).sum(0)).clamp_min(-QUIET_DB)
    rise = level.diff(prepend=level.new_tensor([-QUIET_DB]))
    return float(rise.argmax()) * HOP / RATE


def seam(db: torch.Tensor, period: int, shift: int = 0) -> float:
    """How much more a sound [128, F] changes at multiples of ``period`` samples than elsewhere; 1: no more.

    shift: samples by which those places are moved; what other shifts give is what chance gives.
    """
    change = db.diff(dim=1).abs().mean(0)
    places = torch.arange(1, db.shape[1]) * HOP - HOP // 2 - shift
    meets = ((places + period // 2) % period - period // 2).abs() <= 2 * HOP
    meets &= places > period // 2
    return float(change[meets].mean() / change[~meets].mean().clamp_min(1e-6))


def quartiles(values: Sequence[float]) -> list[float]:
    return [round(float(value), 3) for value in np.quantile(values, (0.25, 0.5, 0.75))]
