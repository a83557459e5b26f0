"""A run that begins with what another one learned."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.panels.details import basic_facts
from engine.audio.files.io import write_wave
from engine.collection.split import split_files
from engine.config import TrainingConfig
from engine.errors import DataError
from engine.loop.checkpoint import load
from engine.process.origin import Beginning, known_sides
from engine.rundir.reader import RunReader
from engine.rundir.record import FileRow, Parent, Side
from engine.rundir.status import State
from tests import forkserver
from tests.audio.sounds import chirp
from tests.conftest import SMALL
from tests.test_train_process import comparable, step_of, still_at

FORK = ("--max-steps", 12, "--checkpoint-interval", 100)


@given(groups=st.lists(st.integers(0, 8), min_size=2, max_size=30), more=st.lists(st.integers(0, 12)))
def test_files_keep_their_sides_when_others_come(groups: list[int], more: list[int]) -> None:
    if len(set(groups)) < 2:
        return
    before = split_files(groups, 0.2, 42)
    known: Sequence[Side | None] = [*before, *[None] * len(more)]
    after = split_files([*groups, *more], 0.2, 42, known)
    assert after[: len(before)] == before
    for group in set(groups + more):
        assert len({side for one, side in zip([*groups, *more], after, strict=True) if one == group}) == 1


def test_a_recording_that_joins_two_makes_both_learned_from_and_nothing_learned_checks() -> None:
    """Two known sounds, one of each side, of which a new recording shows that they are the same."""
    known: list[Side | None] = ["train", "val", "train", "val", None]
    sides = split_files([0, 0, 1, 2, 0], 0.2, 42, known)
    assert sides == ["train", "train", "train", "val", "train"]
    rows = [FileRow(path=f"{index}.wav", verdict="used", split=side) for index, side in enumerate(sides)]
    before = {row.path: side for row, side in zip(rows, known, strict=True) if side is not None}
    begun = Beginning(Parent(run="old", uuid="", checkpoint="best"), {}, before, "then", {})
    begun.check(rows, "now", TrainingConfig())
    rows[2] = rows[2].model_copy(update={"split": "val"})
    with pytest.raises(DataError, match=r"2\.wav would change sides, and old would check what it learned from"):
        begun.check(rows, "now", TrainingConfig())


@pytest.fixture(scope="module")
def parent(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on all drums but one."""
    folder = Path(shutil.copytree(drums, tmp_path_factory.mktemp("sounds") / "drums"))
    min(folder.iterdir()).unlink()
    root = tmp_path_factory.mktemp("runs") / "parent"
    assert forkserver.run("engine.train", folder, "--run-dir", root, "--max-steps", 24, *SMALL).returncode == 0
    return root


@pytest.mark.slow
def test_it_begins_with_those_weights_and_goes_on_from_them_after_a_kill(parent: Path, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    done = forkserver.run("engine.train", "--from", parent, "--run-dir", whole, *FORK)
    assert done.returncode == 0, done.stderr
    assert "begins with best.safetensors of parent" in done.stdout
    with still_at(3, "--from", parent, "--run-dir", killed, *FORK) as process:
        process.kill()
    gone = parent.rename(tmp_path / "out-of-sight")
    resumed = forkserver.run("engine.train", "--resume", killed)
    gone.rename(parent)
    assert resumed.returncode == 0, resumed.stderr
    assert "Goes on from step-00000000.safetensors (exact)." in resumed.stdout
    assert comparable(whole) == comparable(killed)
    record, origin = RunReader(whole).run(), RunReader(parent).run()
    assert record is not None and origin is not None and record.parent is not None
    assert (record.parent.run, record.parent.uuid) == ("parent", origin.uuid)
    begun, best = (
        load(whole / "checkpoints" / "step-00000000.safetensors"),
        load(parent / "checkpoints/best.safetensors"),
    )
    for name, weight in best["average"].items():
        assert torch.equal(weight, begun["model"][name]) and torch.equal(weight, begun["average"][name])
    assert begun["task"]["scale"] == best["task"]["scale"]
    assert record.config.task == origin.config.task
    shown = forkserver.run("engine", "inspect", whole).stdout
    assert "began with best.safetensors of parent" in shown
    assert basic_facts(record)["Began with"] == "best.safetensors of parent"


@pytest.mark.slow
def test_more_sounds_come_beside_those_it_knows(parent: Path, drums: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    done = forkserver.run("engine.train", drums, "--from", parent, "--checkpoint", "last", "--run-dir", root, *FORK)
    assert done.returncode == 0, done.stderr
    before, after = known_sides(RunReader(parent)), known_sides(RunReader(root))
    assert min(drums.iterdir()).name in after and after.items() > before.items()
    with forkserver.Popen("engine.train", "--resume", root, "--more-epochs", 1, stdout=subprocess.DEVNULL) as process:
        assert process.wait(120) == 0
    status = RunReader(root).status()
    assert status is not None and status.state is State.COMPLETED and known_sides(RunReader(root)) == after


@pytest.mark.slow
def test_a_run_whose_first_weights_are_gone_does_not_begin_with_others(parent: Path, tmp_path: Path) -> None:
    root = tmp_path / "run"
    assert forkserver.run("engine.train", "--from", parent, "--run-dir", root, *FORK).returncode == 0
    shutil.rmtree(root / "checkpoints")
    shutil.rmtree(root / "snapshots")
    status = root / "status.json"
    status.unlink()
    refused = forkserver.run("engine.train", "--resume", root)
    assert refused.returncode == 2 and "that this run began with are not here" in refused.stderr
    assert step_of(root) == 12, "nothing was trained"


@pytest.mark.parametrize("damaged", [True, False])
def test_weights_of_unknown_files_are_not_begun_with(drum_run: Path, tmp_path: Path, damaged: bool) -> None:
    origin = Path(shutil.copytree(drum_run, tmp_path / "origin"))
    (origin / "dataset.json").write_text("{") if damaged else (origin / "dataset.json").unlink()
    refused = forkserver.run("engine.train", "--from", origin, "--run-dir", tmp_path / "run", "--seed", 3, *FORK)
    assert refused.returncode == 2 and "nothing says which files these weights were learned from" in refused.stderr
    assert {path.name for path in tmp_path.iterdir()} == {"origin"}


def test_what_does_not_fit_is_said(drum_run: Path, tmp_path: Path) -> None:
    wider = forkserver.run("engine.train", "--from", drum_run, "--run-dir", tmp_path / "wider", "--channels", 32, *FORK)
    assert wider.returncode == 2 and "does not fit this run's model" in wider.stderr
    table = forkserver.run("engine.train", "iris", "--from", drum_run, "--run-dir", tmp_path / "table")
    assert table.returncode == 2 and "is nothing that drums could learn from" in table.stderr
    nothing = forkserver.run("engine.train", "--from", tmp_path / "nothing", "--run-dir", tmp_path / "b")
    assert nothing.returncode == 2 and "holds no run" in nothing.stderr
    alone = forkserver.run("engine.train", "iris", "--checkpoint", "best", "--run-dir", tmp_path / "c")
    assert alone.returncode == 2 and "--from RUN_DIR" in alone.stderr
    never = forkserver.run("engine.train", "--from", drum_run, "--checkpoint", "epoch-999", "--run-dir", tmp_path / "d")
    assert never.returncode == 2 and "were not kept" in never.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"wider"}


def test_labelled_sounds_that_were_learned_never_check_when_others_come(tmp_path: Path) -> None:
    folder, parent, root = tmp_path / "sounds", tmp_path / "parent", tmp_path / "run"

    def add(numbers: range) -> None:
        for index in numbers:
            for name in ("low", "high"):
                (folder / name).mkdir(parents=True, exist_ok=True)
                write_wave(folder / name / f"{index}.wav", chirp(2 * index + (name == "low"), 0.3), 48_000)

    add(range(6))
    options = ("--labels", "folders", "--max-epochs", 2)
    first = forkserver.run("engine.train", folder, "--run-dir", parent, *options)
    assert first.returncode == 0, first.stderr
    add(range(6, 10))
    grown = forkserver.run("engine.train", folder, "--from", parent, "--run-dir", root, *options)
    assert grown.returncode == 0, grown.stderr
    assert "its weights, its scale, the sides of its files; optimiser" in grown.stdout
    before, after = known_sides(RunReader(parent)), known_sides(RunReader(root))
    assert len(before) == 12 and len(after) == 20 and after.items() > before.items()
    longer = forkserver.run("engine.train", "--resume", root, "--more-epochs", 1)
    assert longer.returncode == 0, longer.stderr
    assert known_sides(RunReader(root)) == after


def test_a_table_that_changed_is_not_checked_with_what_the_weights_know(tmp_path: Path) -> None:
    table, parent = tmp_path / "points.csv", tmp_path / "parent"
    rows = [f"{n},{n % 7},{'xy'[n % 2]}\n" for n in range(60)]
    table.write_text("a,b,kind\n" + "".join(rows))
    assert forkserver.run("engine.train", table, "--run-dir", parent, "--max-epochs", 2).returncode == 0
    same = forkserver.run("engine.train", "--from", parent, "--run-dir", tmp_path / "same", "--max-epochs", 1)
    assert same.returncode == 0, same.stderr
    assert "its weights, its scale; optimiser and schedule begin anew" in same.stdout
    for option, name in ((("--split-seed", 1), "split_seed"), (("--val-fraction", 0.6), "val_fraction")):
        divided = forkserver.run("engine.train", "--from", parent, "--run-dir", tmp_path / name, *option)
        assert divided.returncode == 2 and "its rows would change sides" in divided.stderr
        assert f"Begin from it with the {name} it had" in divided.stderr
    table.write_text("a,b,kind\n" + "".join([*rows, "60,4,x\n"]))
    other = forkserver.run("engine.train", "--from", parent, "--run-dir", tmp_path / "other", "--max-epochs", 1)
    assert other.returncode == 2 and "its data is another" in other.stderr
