"""Snapshots: which stay, how one is found again, and what a damaged one does."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import DataError, RunDirectoryError
from engine.loop.checkpoint import describe
from engine.loop.snapshot import find, load_snapshot, serialise_snapshot, thin_snapshots
from engine.loop.state_file import serialise
from engine.rundir.artefacts import write_artefact
from engine.rundir.layout import Layout, manifest
from engine.rundir.protocol import PROTOCOL
from engine.rundir.status import Best, State
from engine.rundir.writer import RunWriter
from tests.bits import flip

TASK = {"names": {"0": "low"}, "mean": torch.arange(3.0), "scale": 2.5}


def model(step: int) -> nn.Linear:
    layer = nn.Linear(1, 1)
    nn.init.constant_(layer.weight, step)
    return layer


def keep(root: Path, steps: list[int], best: int | None = None) -> Layout:
    """A run with a snapshot at each step; an epoch is ten of them. best: the step that the status names as such."""
    with RunWriter.open(root, device="cpu", threads=1, versions={}) as writer:
        for step in steps:
            path = writer.layout.snapshot(step // 10, step)
            data = serialise_snapshot(model(step), TASK)
            writer.write_artefact(path, data, describe(data, path, step, step // 10, {}))
        if best is not None:
            writer.update(best=Best(metric="val_loss", value=1.0, raw=1.0, epoch=best // 10, step=best))
        writer.state(State.COMPLETED)
    return Layout(root)


def keep_state(layout: Layout, path: Path, step: int) -> None:
    """A checkpoint's weights at ``path``, of ``step``."""
    data = serialise({"protocol": PROTOCOL, "average": model(step).state_dict(), "task": TASK})
    write_artefact(path, data, describe(data, path, step, step // 10, {}), durable=False)


def steps_of(layout: Layout) -> list[int]:
    return [int(path.stem.rpartition("-")[2]) for path in sorted(layout.snapshots.glob("*.safetensors"))]


def test_a_snapshot_holds_weights_and_the_state_of_the_task(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [10])
    found = load_snapshot(layout.snapshot(1, 10))
    assert found["average"]["weight"].item() == 10 and found["average"]["weight"].dtype is torch.float32
    assert found["task"]["names"] == {"0": "low"} and found["task"]["scale"] == 2.5
    assert torch.equal(found["task"]["mean"], TASK["mean"])


def test_thinning_is_even_and_spares_what_is_starred_or_recommended(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", list(range(0, 200, 10)), best=113)
    layout.sounds.mkdir()
    layout.stars.write_text('{"starred": ["thud.wav", "gone.wav", 7]}')
    (layout.sounds / "thud.json").write_text(json.dumps({"state": layout.snapshot(1, 10).name}))
    layout.previews.mkdir(exist_ok=True)
    layout.preview(15, 150, "sample", 0, "wav").write_bytes(b"")
    layout.notes.write_text('{"starred": [150, 999]}')
    thin_snapshots(layout, 5)
    left = steps_of(layout)
    assert len(left) == 5 and {0, 10, 110, 150, 190} == set(left)
    assert {path.stem for path in layout.snapshots.glob("*.json")} == {
        path.stem for path in layout.snapshots.glob("*.safetensors")
    }


def test_thinning_is_even(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", list(range(0, 90, 10)))
    thin_snapshots(layout, 5)
    left = steps_of(layout)
    assert len(left) == 5 and max(after - before for before, after in pairwise(left)) <= 40


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.json", '{"starred": [50], "text": "half a li'),
        ("notes.json", '{"starred": "50"}'),
        ("notes.damaged.json", '{"starred": [50'),
        ("sounds/stars.json", '{"starred": ["thud.w'),
        ("sounds/stars.json", '{"starred": "thud.wav"}'),
        ("sounds/stars.damaged.json", ""),
        ("sounds/thud.json", '{"state": '),
    ],
)
def test_nothing_is_thinned_while_it_is_not_known_what_has_a_star(name: str, content: str, tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", list(range(0, 90, 10)))
    layout.sounds.mkdir()
    layout.stars.write_text('{"starred": ["thud.wav"]}')
    (layout.root / name).write_text(content)
    with pytest.raises(OSError, match="it is damaged") as refused:
        thin_snapshots(layout, 5)
    assert refused.value.filename == str(layout.root / name) and len(steps_of(layout)) == 9
    (layout.root / name).unlink()
    thin_snapshots(layout, 5)
    assert len(steps_of(layout)) == 5


def test_nothing_is_thinned_while_it_cannot_be_read_what_has_a_star(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", list(range(0, 90, 10)))
    layout.root.joinpath("sounds").symlink_to("sounds")  # leads back to itself, which no system follows
    with pytest.raises(OSError, match="Too many levels"):
        thin_snapshots(layout, 5)
    assert len(steps_of(layout)) == 9


def test_the_best_epoch_and_a_checkpoint_are_found_by_their_moments(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [20, 40])
    layout.checkpoints.mkdir(exist_ok=True)
    keep_state(layout, layout.best, 73)
    keep_state(layout, layout.checkpoint(80), 80)
    for which in ("epoch-7", "step-73"):
        name, state = find(layout, which)
        assert name == layout.best.name and state["average"]["weight"].item() == 73
    assert find(layout, "epoch-8")[0] == layout.checkpoint(80).name
    keep_state(layout, layout.checkpoint(45), 45)
    assert find(layout, "epoch-4")[0] == layout.snapshot(4, 40).name, "what was heard, not what came after it"
    layout.snapshot(4, 40).write_bytes(b"damaged")
    assert find(layout, "epoch-4")[0] == layout.checkpoint(45).name, "the whole one, which inspect lists"
    with pytest.raises(DataError, match="Those of epoch 2, 4, 7, 8 were"):
        find(layout, "epoch-5")


def test_a_moment_is_found_by_its_epoch(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [20, 45, 47])
    name, state = find(layout, "epoch-4")
    assert "00000047" in name and state["average"]["weight"].item() == 47, "the last one of its epoch"
    with pytest.raises(DataError, match=r"epoch 3 were not kept. Those of epoch 2, 4 were"):
        find(layout, "epoch-3")
    with pytest.raises(DataError, match="names no checkpoint"):
        find(layout, "tomorrow")


def test_where_no_checkpoint_is_left_it_is_said_what_can_be_used(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [2, 20, 45])
    flip(layout.snapshot(4, 45), 100)
    for name in (None, "last", "best"):
        with pytest.raises(DataError, match=r"no .*checkpoint.* The weights of epoch 0, 2 were kept: --checkpoint epo"):
            find(layout, name)
    assert find(layout, "epoch-2")[0] == layout.snapshot(2, 20).name
    shutil.rmtree(layout.snapshots)
    with pytest.raises(DataError, match="Train it longer, or use save-now"):
        find(layout, None)


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


@pytest.mark.parametrize("name", [None, "best", "best.safetensors", "epoch-3"])
def test_damaged_weights_are_named_with_those_that_can_be_used(name: str | None, tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [2, 20])
    layout.checkpoints.mkdir()
    keep_state(layout, layout.best, 30)
    flip(layout.best, 100)
    said = r"best\.safetensors is damaged or incomplete\. The weights of epoch 0, 2 were kept: --checkpoint epoch-2"
    with pytest.raises(RunDirectoryError, match=said):
        find(layout, name)
    manifest(layout.best).unlink()
    if name == "best":  # there, and nobody can say whether it is whole
        with pytest.raises(RunDirectoryError, match=said):
            find(layout, name)
    shutil.rmtree(layout.snapshots)
    if name == "best.safetensors":
        with pytest.raises(RunDirectoryError, match="Nothing else that was saved is whole"):
            find(layout, name)


def test_damaged_checkpoints_are_named_where_none_is_whole(tmp_path: Path) -> None:
    layout = keep(tmp_path / "run", [20])
    layout.checkpoints.mkdir()
    for step in (10, 30):
        keep_state(layout, layout.checkpoint(step), step)
        flip(layout.checkpoint(step), 100)
    said = r"damaged are step-00000030\.safetensors, step-00000010\.safetensors\. .*--checkpoint epoch-2"
    with pytest.raises(DataError, match=said):
        find(layout, "last")
