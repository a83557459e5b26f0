"""Tables that come with the project, and what else can be learned: CSV files and labelled folders of sounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from engine import rng
from engine.errors import ConfigError, DataError
from engine.installation import install
from engine.rundir.record import Source
from engine.settings import Settings
from engine.sources import Claim, Dataset, Description, Offer
from engine.tasks.mlp.config import FOLDERS, MLPConfig
from engine.tasks.mlp.csv_table import SUFFIXES, read_table
from engine.tasks.mlp.labels import FEATURE_NAMES, read_labels
from engine.tasks.mlp.table import Table, choose_kind, encode_target
from engine.validation import validated

FRIEDMAN_ROWS = 1000
# One thread: a batch of a table is too small to share out, and its bits do not depend on the machine's cores.
DEFAULTS: dict[str, Any] = {"threads": 1, "learning_rate": 3e-3, "max_epochs": 100, "batch_size": 32}


def _scikit(name: str) -> Table:
    """A table of scikit-learn's. ``DataError`` when that is not installed."""
    try:
        from sklearn import datasets
    except ImportError:
        raise DataError(
            f"The data set {name!r} comes with scikit-learn, which is not installed.",
            f"Install it: {install('scikit-learn')}.",
        ) from None
    bunch = getattr(datasets, f"load_{name}")()
    classes = tuple(str(value) for value in getattr(bunch, "target_names", ()))
    target = bunch.target.astype(np.int64 if classes else np.float64)
    names = tuple(str(value) for value in bunch.feature_names)
    return Table(bunch.data.astype(np.float64), target, names, "class" if classes else "progression", classes)


def _friedman1() -> Table:
    """10 sin(pi a b) + 20 (c - 1/2)^2 + 10 d + 5 e + noise of variance 1, and five features that mean nothing.

    J. Friedman, "Multivariate adaptive regression splines", 1991.
    """
    draw = rng.generator(0, "friedman1")
    x = draw.uniform(0, 1, (FRIEDMAN_ROWS, 10))
    y = 10 * np.sin(math.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return Table(x, y + draw.standard_normal(FRIEDMAN_ROWS), tuple("abcdefghij"), "y")


def _table(
    name: str, description: str, rows: int, features: int, classes: int, load: Callable[[], Table],
    tuned: dict[str, Any], layers: list[dict[str, Any]], origin: str = "scikit-learn",
) -> Dataset:  # fmt: skip
    return Dataset(
        id=name,
        description=description,
        task="mlp",
        load=load,
        defaults={**DEFAULTS, **tuned},
        task_defaults={"layers": layers},
        task_type="classification" if classes else "regression",
        num_features=features,
        num_classes=classes,
        num_items=rows,
        origin=origin,
    )


def _guard(dropout: float, weight_decay: float) -> dict[str, Any]:
    return {"regularization": {"dropout": dropout, "weight_decay": weight_decay, "gradient_clip_norm": 1.0}}


# Over ten splits none is behind the better of scikit-learn's network and a linear model by more than 0.003, accuracy
# or R² (tests/bench/tables.py).
DATASETS = (
    _table("iris", "150 irises of 3 species by 4 lengths of their flowers.", 150, 4, 3, partial(_scikit, "iris"),
           {"max_epochs": 60, "batch_size": 16, **_guard(0.0, 1e-3)}, [{"units": 32}]),
    _table("wine", "178 wines of 3 growers by 13 measurements.", 178, 13, 3, partial(_scikit, "wine"),
           {"max_epochs": 40, "batch_size": 16, **_guard(0.2, 1e-3)}, [{"units": 32}]),
    _table("breast_cancer", "569 tumours, benign or malignant, by 30 measurements.", 569, 30, 2,
           partial(_scikit, "breast_cancer"), {"max_epochs": 40, **_guard(0.2, 1e-3)}, [{"units": 64}]),
    _table("digits", "1,797 handwritten digits of 8 x 8 pixels.", 1797, 64, 10, partial(_scikit, "digits"),
           {"max_epochs": 60, **_guard(0.2, 1e-4)}, [{"units": 128}, {"units": 128}]),
    _table("diabetes", "442 patients: how far diabetes went in a year, by 10 measurements.", 442, 10, 0,
           partial(_scikit, "diabetes"), {"max_epochs": 40, **_guard(0.2, 1e-2)}, [{"units": 32}]),
    _table("friedman1", "1,000 made rows: 5 of 10 features matter, not in straight lines.", FRIEDMAN_ROWS, 10, 0,
           _friedman1, {"max_epochs": 150, **_guard(0.0, 1e-4)}, [{"units": 64}, {"units": 64}],
           "made by this program"),
)  # fmt: skip


def built_in(name: str) -> Dataset:
    """The table called ``name`` that comes with the project; ``DataError`` with the known names otherwise."""
    known = {entry.id: entry for entry in DATASETS}
    if name not in known:
        raise DataError(f"There is no table called {name!r}.", f"Known are: {', '.join(sorted(known))}.")
    return known[name]


def claim(path: Path, named: Collection[str]) -> Claim | None:
    """CSV files; and folders of sounds whose labels are given, which otherwise are for listening."""
    if path.is_dir():
        return Claim(by_option=True, defaults=DEFAULTS) if "labels" in named else None
    return Claim(defaults=DEFAULTS) if path.suffix.lower() in SUFFIXES else None


def offers(path: Path) -> list[Offer]:
    """A folder whose sounds lie in sub-folders can be sorted by them."""
    if not path.is_dir():
        return []
    labels, _ = read_labels(path, FOLDERS, None)
    return [Offer("Tell them apart by sub-folder", {"labels": FOLDERS})] if len(set(labels.values())) > 1 else []


def describe(path: Path, config: Settings) -> tuple[Description, Settings]:
    """What there is to learn, found by reading it all (of sounds: their labels). ``DataError`` when nothing is."""
    assert isinstance(config, MLPConfig)
    config = config.located()
    if not path.is_dir():
        table = read_table(path, config.target, config.task_type)
        rows = len(table.target)
        return Description(table.task_type, table.num_features, table.num_classes, table.notes, rows), config
    assert config.labels is not None
    labels, name = read_labels(path, config.labels, config.target)
    if not labels:
        raise DataError(f"No sound in {path} has a label.", "Put them into sub-folders, one a class.")
    texts = list(labels.values())
    kind = choose_kind(texts, config.task_type)
    _, classes = encode_target(texts, kind, name)
    return Description(kind, len(FEATURE_NAMES), len(classes), (), len(texts)), config


def check_data(source: Source, config: Settings) -> tuple[str, ...]:
    """What is decided of a table, read for it. Sounds and what comes with the project are looked at by their run."""
    assert isinstance(config, MLPConfig)
    check_meant(source, config)
    if source.path is None or Path(source.path).is_dir():
        return ()
    return read_table(Path(source.path), config.target, config.task_type).notes


def check_meant(source: Source, config: MLPConfig) -> None:
    """``ConfigError`` when a setting was given that this source has no use for: it would go unheard."""
    folder = source.path is not None and Path(source.path).is_dir()
    if source.path is None:
        stray = [name for name in ("target", "labels") if getattr(config, name) is not None]
        what = f"The data set {source.name!r} says itself what is learned from it"
    elif folder:
        stray = ["target"] if config.labels == FOLDERS and config.target is not None else []
        what = "Sounds are sorted by their sub-folders here, without a column"
    else:
        stray = ["labels"] if config.labels is not None else []
        what = "A table holds its labels in one of its columns"
    if stray:
        remedy = "Leave it out." if folder or source.path is None else "Leave it out, or name the column: --target."
        raise ConfigError(f"{what}: --{stray[0]} means nothing.", remedy)


def load(path: Path, settings: Mapping[str, Any]) -> Table:
    """A user's data set as a table; of sounds, each is decoded and described."""
    config = validated(MLPConfig, dict(settings))
    if not path.is_dir():
        return read_table(path, config.target, config.task_type)
    import torch

    from engine.task import OpenContext
    from engine.tasks.mlp.labelled_sounds import read_sounds

    return read_sounds(path, config, OpenContext(), torch.device("cpu"))
