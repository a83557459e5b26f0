"""Can new sounds be told from recordings? A classifier on features made by hand, cross-validated by file.

0.5: they cannot; 1: they all can. Waves [T] at 48 kHz, any level; at most 3 s of each are looked at.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from tests.bench.attack import MS, crest_db, envelope, first_part_db, onset_ms, swell_db
from tests.bench.features import GROUPS
from tests.bench.scoring import RATE, mel_power, relative_db, spectrum

LONGEST_S = 3.0
LOUD_DB = 50.0
AUDIBLE_DB = -40.0
FINE_FLOOR_DB = -60.0
FOLDS = 10
SPLITS = 4
TREES = 50
FEWEST = 8
PARTS = ("roughness", "time", "spectrum", "fine", "tone", "swell")


def described(wave: np.ndarray) -> dict[str, np.ndarray]:
    """Features of one sound by part: roughness [18], time [6], spectrum [32], fine [2], tone [1], swell [1]."""
    wave = np.asarray(wave[: round(LONGEST_S * RATE)], dtype=np.float64)
    wave = wave / max(float(np.abs(wave).max(initial=0.0)), 1e-9)
    db = relative_db(mel_power(wave))
    level = envelope(wave)
    return {
        "roughness": _roughness(db),
        "time": _time(wave, level),
        "spectrum": _spectrum(db),
        "fine": _fine(wave),
        "tone": np.array([_flatness(wave)]),
        "swell": np.array([swell_db(level)]),
    }


def _roughness(db: torch.Tensor) -> np.ndarray:
    """Mean |difference| from frame to frame in 16 groups of bands while it is loud; first and second over bands."""
    loudness = db.amax(0)
    loud = loudness > loudness.max() - LOUD_DB
    over_time = db.diff(dim=1).abs()[:, loud[1:]]
    grouped = over_time.mean(1).nan_to_num().view(GROUPS, -1).mean(1)
    bands = db[:, loud]
    over_bands = torch.stack([bands.diff(dim=0, n=order).abs().mean() for order in (1, 2)])
    return torch.cat([grouped, over_bands]).numpy().astype(np.float64)


def _time(wave: np.ndarray, level: np.ndarray) -> np.ndarray:
    """First 5 of 20 ms in dB, crest in dB, and in seconds: half and 95 % of the energy, within 40 dB, onset to peak."""
    share = np.cumsum(level**2) / max(float((level**2).sum()), 1e-12)
    audible = level > level.max() * 10 ** (AUDIBLE_DB / 20)
    to_peak = max(0, int(level.argmax()) - onset_ms(level))
    moments = [np.argmax(share >= 0.5), np.argmax(share >= 0.95), audible.sum(), to_peak]
    return np.array([first_part_db(level), crest_db(wave), *(float(moment) * MS / RATE for moment in moments)])


def _spectrum(db: torch.Tensor) -> np.ndarray:
    """Mean and deviation of 16 groups of bands."""
    grouped = db.view(GROUPS, -1, db.shape[1]).mean(1)
    return torch.cat([grouped.mean(1), grouped.std(1, correction=0)]).numpy().astype(np.float64)


def _fine(wave: np.ndarray) -> np.ndarray:
    """Deviation and mean |difference| over time and bins of 512 points, in dB."""
    power = spectrum(wave, 512).square()
    db = (10 * torch.log10(power.clamp_min(1e-20) / power.max().clamp_min(1e-20))).clamp_min(FINE_FLOOR_DB)
    return np.array([float(db.std()), float(db.diff(dim=1).abs().mean())])


def _flatness(wave: np.ndarray) -> float:
    """Mean over frames of 8192 samples of the geometric over the arithmetic mean of the power, in dB."""
    power = spectrum(wave, 8192).square().double().clamp_min(1e-12)
    return float((10 * (power.log10().mean(0) - power.mean(0).log10())).mean())


def tables(sounds: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Features [N, K] of sounds, part by part, and of "all"."""
    rows = [described(wave) for wave in sounds]
    found = {part: np.stack([row[part] for row in rows]) for part in PARTS}
    return {"all": np.concatenate([found[part] for part in PARTS], axis=1), **found}


def told_apart(one: np.ndarray, other: np.ndarray, groups: np.ndarray | None = None, seed: int = 0) -> float:
    """Balanced accuracy of the better of logistic regression and a random forest between features [N, K] and [L, K].

    Equal numbers are compared: of the larger side as many as of the smaller, drawn by ``seed``. groups [N + L]: rows of
    one group (a recording and its copy) are never on two sides of a fold; none: each row is its own.
    """
    # Imported by whoever only collects the tests, they cost a second and a half.
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import balanced_accuracy_score
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features = np.concatenate([one, other])
    labels = np.r_[np.zeros(len(one), int), np.ones(len(other), int)]
    groups = np.arange(len(labels)) if groups is None else groups
    count = min(len(one), len(other))
    draws = np.random.default_rng(seed)
    kept = np.sort(np.concatenate([draws.permutation(np.flatnonzero(labels == side))[:count] for side in (0, 1)]))
    folds = StratifiedGroupKFold(max(2, min(FOLDS, count)), shuffle=True, random_state=seed)
    models = LogisticRegression(max_iter=1000), RandomForestClassifier(TREES, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        guesses = [
            cross_val_predict(
                make_pipeline(StandardScaler(), model), features[kept], labels[kept], groups=groups[kept], cv=folds
            )
            for model in models
        ]
    return max(float(balanced_accuracy_score(labels[kept], guess)) for guess in guesses)


def told_from_itself(features: np.ndarray, seed: int = 0) -> float:
    """:func:`told_apart` of two random halves of the same sounds, mean over four ways to halve them: what chance gives.

    Above 0.5, because the better of two classifiers is taken.
    """
    found = []
    for split in range(SPLITS):
        order = np.random.default_rng([seed, split]).permutation(len(features))
        half = len(order) // 2
        found.append(told_apart(features[order[:half]], features[order[half : 2 * half]], seed=split))
    return float(np.mean(found))


def two_sample(made: Sequence[np.ndarray], real: Sequence[np.ndarray], copies: bool = False) -> dict[str, float]:
    """Accuracies by part and over all, of ``made`` against ``real``, and of real against real.

    copies: the n-th of ``made`` is a copy of the n-th of ``real``. Nothing where either side has fewer than eight.
    """
    if min(len(made), len(real)) < FEWEST:
        return {}
    ours, theirs = tables(made), tables(real)
    groups = np.tile(np.arange(len(made)), 2) if copies else None
    found = {part: told_apart(ours[part], theirs[part], groups) for part in ours}
    found["real_against_real"] = told_from_itself(theirs["all"])
    return {name: round(value, 3) for name, value in found.items()}
