"""Snapshots: which stay, how one is found again, and what a damaged one does."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import DataError, RunDirectoryError
from engine.loop.checkpoint import describe
from engine.loop.snapshot import find, load_snapshot, serialise_snapshot, thin_snapshots
from engine.rundir.layout import Layout, manifest
from engine.rundir.writer import RunWriter

TASK = {"names": {"0": "low"}, "mean": torch.arange(3.0), "scale": 2.5}


def model(step: int) -> nn.Linear:
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, step)
    return layer


def keep(root: Path, steps: list[int], starred: tuple[int, ...] = ()) -> Layout:
    """A run with a snapshot at each step; an epoch is ten of them."""
    with RunWriter.open(root, device="cpu", threads=1, versions={}) as writer:
        for step in steps:
            path = writer.layout.snapshot(step // 10, step)
            data = serialise_snapshot(model(step), TASK)
            record = describe(data, path, step, step // 10, {})
            if step in starred:
                record = record.model_copy(update={"starred": True})
            writer.write_artefact(path, data, record)
    return Layout(root)


def steps_of(layout: Layout) -> list[int]:
    return [int(path.stem.rpartition("-")[2]) for path in sorted(layout.snapshots.glob("*.safetensors"))]


def test_a_snapshot_holds_weights_and_the_state_of_the_task(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [10])
    found = load_snapshot(layout.snapshot(1, 10))
    assert found["average"]["weight"].item() == 10 and found["average"]["weight"].dtype is torch.float32
    assert found["task"]["names"] == {"0": "low"} and found["task"]["scale"] == 2.5
    assert torch.equal(found["task"]["mean"], TASK["mean"])


def test_thinning_is_even_and_spares_the_first_the_last_and_the_starred(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [0, 10, 20, 30, 40, 50, 60, 70, 80], starred=(10,))
    thin_snapshots(layout, 5)
    left = steps_of(layout)
    assert len(left) == 5 and left[:2] == [0, 10] and left[-1] == 80
    assert max(after - before for before, after in pairwise(left)) <= 40
    assert {path.stem for path in layout.snapshots.glob("*.json")} == {
        path.stem for path in layout.snapshots.glob("*.safetensors")
    }


def test_a_moment_is_found_by_its_epoch(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [20, 45, 47])
    name, state = find(layout, "epoch-4")
    assert "00000047" in name and state["average"]["weight"].item() == 47, "the last one of its epoch"
    with pytest.raises(DataError, match=r"no snapshot of epoch 3. There is one of epoch 2, 4"):
        find(layout, "epoch-3")
    with pytest.raises(DataError, match="names no checkpoint"):
        find(layout, "tomorrow")
    for name in (None, "last", "best"):
        with pytest.raises(DataError, match="no"):
            find(layout, name)


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [10, 20])
    path = layout.snapshot(1, 10)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(RunDirectoryError, match="damaged"):
        load_snapshot(path)
    manifest(layout.snapshot(2, 20)).unlink()
    with pytest.raises(RunDirectoryError, match="damaged"):
        load_snapshot(layout.snapshot(2, 20))
