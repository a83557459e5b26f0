"""How well the tables are learned, beside scikit-learn on the same rows.

    python -m tests.bench tables [NAME ...] [--splits 10] [--folder FOLDER]

Every figure is of held-out rows at the end of training, not at the best epoch: accuracy in percent, or R². The others
get standardised features, as ours do. ``--folder`` takes a folder of digits, each named after its first letter, and
sorts them by a CSV of file and label.
"""

from __future__ import annotations

import csv
import tempfile
import time
import warnings
from pathlib import Path

import click
import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.api import TrainingEngine
from engine.registry import get_dataset
from engine.tasks.mlp.dataset import split_rows

TABLES = ("iris", "wine", "breast_cancer", "digits", "diabetes", "friedman1")
FRACTION = 0.2


def ours(name: str, split: int, model_config: dict[str, str] | None = None) -> float:
    config = {"val_fraction": FRACTION, "split_seed": split, "preview_interval": 1000, "checkpoint_interval": 1000}
    session = TrainingEngine(name, model_config, config=config).train()
    assert session.status == "completed", session.error_message
    last = session.metrics[-1]
    return last.accuracy if last.accuracy is not None else last.figures["val_r2"]


def theirs(name: str, split: int) -> tuple[float, float]:
    """scikit-learn's network with its own settings but time enough, and a linear model."""
    table = get_dataset(name).load()
    own = np.array(split_rows(table, FRACTION, split)) == "train"
    sorts = table.task_type == "classification"
    network, linear = (MLPClassifier, LogisticRegression) if sorts else (MLPRegressor, LinearRegression)
    scores = []
    for model in (network(max_iter=2000, random_state=0), linear(**({"max_iter": 2000} if sorts else {}))):
        fitted = make_pipeline(StandardScaler(), model).fit(table.features[own], table.target[own])
        scores.append(fitted.score(table.features[~own], table.target[~own]))
    return scores[0], scores[1]


def spoken(folder: Path, split: int) -> float:
    with tempfile.TemporaryDirectory() as place:
        labels = Path(place) / "labels.csv"
        with labels.open("w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["file", "label"])
            rows.writerows([path.name, path.name[0]] for path in sorted(folder.glob("*.wav")))
        return ours(str(folder), split, {"labels": str(labels)})


@click.command()
@click.argument("names", nargs=-1)
@click.option("--splits", default=10, show_default=True, help="Splits of each table.")
@click.option("--folder", type=click.Path(path_type=Path), help="Labelled sounds: the digit begins each file's name.")
def command(names: tuple[str, ...], splits: int, folder: Path | None) -> None:
    """Train on the built-in tables NAMES (all) beside scikit-learn's network and a linear model on the same splits."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"{'':<14}{'ours':>8}{'network':>9}{'linear':>9}{'ours - best':>13}{'seconds':>9}", flush=True)
    for name in names or TABLES:
        began = time.monotonic()
        own = [ours(name, split) for split in range(splits)]
        seconds = (time.monotonic() - began) / splits
        network, linear = np.mean([theirs(name, split) for split in range(splits)], axis=0)
        mean = float(np.mean(own))
        margin = mean - max(network, linear)
        print(f"{name:<14}{mean:8.3f}{network:9.3f}{linear:9.3f}{margin:+13.3f}{seconds:9.1f}", flush=True)
    if folder is not None:
        scores = [spoken(folder, split) for split in range(5)]
        print(f"spoken digits {np.mean(scores):8.3f}   five splits: {', '.join(f'{score:.2f}' for score in scores)}")
