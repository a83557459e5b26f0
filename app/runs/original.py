"""The held-out file that a run copies for one to hear: which it is, and how far off its copies are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from app.runs.columns import Floats
from app.runs.data import dataset_of
from app.runs.store import MetricsStore
from engine.rundir.reader import RunReader
from engine.rundir.record import RunRecord


def own_errors(root: Path, store: MetricsStore, run: RunRecord) -> Floats:
    """[epochs] the monitored metric of that file alone; NaN where it was not measured, empty where nobody knows it."""
    metric, place = run.monitor.files, store.cached(("original",), lambda: _place(root, store.original))
    if metric is None or place is None:
        return np.empty(0)
    found = (store.listed(metric, epoch) for epoch in range(1, store.epochs.count + 1))
    return np.array([float(one[place]) if place < len(one) else np.nan for one in found])


def _place(root: Path, file: str | None) -> int | None:
    """Where it stands in the lists of held-out files, which have the order of dataset.json."""
    dataset = dataset_of(RunReader(root)) if file is not None else None
    held_out = [row.path for row in dataset.files if row.split == "val" and row.verdict != "skipped"] if dataset else []
    return held_out.index(file) if file in held_out else None
