"""``sweetspot inspect`` tells where a run stands, also when something in it is damaged."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.commands.inspect import command, inspect
from engine.errors import RunDirectoryError
from engine.rundir.encoding import encode
from engine.rundir.layout import Layout
from engine.rundir.protocol import Manifest, PlanRecord
from engine.rundir.reader import RunReader
from engine.rundir.status import Best, ErrorInfo, State
from tests.rundir.conftest import open_writer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "run-1"
    with open_writer(root) as writer:
        for name, data in (
            ("step-00000012.safetensors", b"twelve"),
            ("step-00000024.safetensors", b"twentyfour"),
            ("best.safetensors", b"best"),
        ):
            manifest = Manifest(file=name, step=12, epoch=2, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
            writer.write_artefact(writer.layout.checkpoints / name, data, manifest)
        writer.event("epoch", step=12, epoch=2, val_loss=math.nan)
        best = Best(metric="val_recon_db", value=6.0, raw=5.9, epoch=2, step=12)
        writer.update(step=24, total_steps=100, epoch=4, metrics={"train_loss": math.inf}, best=best)
        writer.warn("The curves part.")
        writer.state(State.FAILED, error=ErrorInfo(kind="x", cause="The loss became NaN.", remedy="Lower it."))
    return root


def test_a_run_without_checkpoints_says_which_epochs_can_be_used(root: Path) -> None:
    shutil.rmtree(root / "checkpoints")
    place, data = Layout(root).snapshot(2, 12), b"weights"
    manifest = Manifest(file=place.name, step=12, epoch=2, bytes=7, sha256=hashlib.sha256(data).hexdigest())
    with open_writer(root, resume=True) as writer:
        writer.write_artefact(place, data, manifest)
        writer.state(State.FAILED, error=ErrorInfo(kind="x", cause="The disk refused.", remedy="Free some space."))
    said = CliRunner().invoke(command, [str(root)]).output
    assert "No checkpoint is kept to go on from. What it had learnt by epoch 2 can be used." in said
    assert "to use with --checkpoint epoch-N: 2" in said and "NOT VERIFIED" not in said
    place.write_bytes(b"weighty")
    told = CliRunner().invoke(command, [str(root)]).output
    assert "can be used" not in told and "to use with" not in told
    assert f"{place.name}: NOT VERIFIED, it will not be loaded" in told
    facts = json.loads(CliRunner().invoke(command, [str(root), "--json"]).stdout)
    assert (facts["damaged_snapshots"], facts["usable"]) == ([place.name], [])


def test_json_is_one_strict_object(root: Path) -> None:
    (root / "checkpoints" / "step-00000024.safetensors").write_bytes(b"twentyfivr")
    result = CliRunner().invoke(command, [str(root), "--json"])
    assert result.exit_code == 0
    facts = json.loads(result.stdout, parse_constant=pytest.fail)
    found = [(one["file"], one["step"], one["verified"]) for one in facts["checkpoints"]]
    assert found == [
        ("step-00000012.safetensors", 12, True),
        ("step-00000024.safetensors", 12, False),
        ("best.safetensors", 12, True),
    ]
    assert (facts["state"], facts["step"], facts["best"]["raw"]) == ("failed", 24, 5.9)
    assert facts["metrics"] == {"train_loss": "Infinity"}
    assert facts["last_epoch"]["val_loss"] == "NaN"


def test_a_checkpoint_without_its_manifest_is_not_verified(root: Path) -> None:
    (root / "checkpoints" / "step-00000012.json").unlink()
    facts = json.loads(CliRunner().invoke(command, [str(root), "--json"]).stdout)
    assert (facts["checkpoints"][0]["step"], facts["checkpoints"][0]["verified"]) == (12, False)


@pytest.mark.parametrize("state", [one for one in State if not one.live])
def test_of_a_run_that_has_ended_no_time_is_left(tmp_path: Path, state: State) -> None:
    root = tmp_path / "run-1"
    with open_writer(root) as writer:
        writer.update(eta_s=4.0)
        writer.state(State.RUNNING)
        assert inspect(RunReader(root))["eta_s"] == 4.0
        writer.state(state)
    status = json.loads((root / "status.json").read_text())
    assert (status["state"], status["eta_s"]) == (state, None)
    (root / "status.json").write_text(json.dumps(status | {"eta_s": 4.0}))
    assert inspect(RunReader(root))["eta_s"] is None, "an earlier version left it there"


def test_what_was_asked_for_is_not_counted_as_planned_anew(root: Path) -> None:
    facts: dict[str, Any] = {"total_steps": 50, "progress": 0.5, "epoch": 2, "epoch_ends": 24, "steps_per_epoch": 6}
    facts |= {"total_epochs": 8, "at": 1.0, "elapsed_s": 1.0, "session": "s"}
    slower, longer = "slower than planned: 4.2 updates a second, not 9.8", "extended by 3 epochs"
    for step, reason in ((6, slower), (24, longer)):
        line = encode(PlanRecord(step=step, reason=reason, extends=reason == longer, **facts))
        with Layout(root).plans.open("ab") as plans:
            plans.write(line + b"\n")
    said = CliRunner().invoke(command, [str(root)]).stdout
    assert f"  planned anew once, last at step 6: {slower}\n  {longer} at step 24\n" in said


def test_people_read_sentences(root: Path) -> None:
    result = CliRunner().invoke(command, [str(root)])
    assert result.exit_code == 0
    parts = ["run-1: failed", "step 24 of 100, epoch 4", "train_loss inf"]
    parts += ["It failed at epoch 4: the loss became NaN. The best state, of epoch 2, is kept. Lower it."]
    parts += ["val_recon_db 5.9 in epoch 2", "warning: The curves part."]
    parts += ["step-00000012.safetensors, step 12: verified", "to use with --checkpoint epoch-N: 2"]
    for part in parts:
        assert part in result.stdout


def test_nothing_is_kept_that_does_not_verify(root: Path) -> None:
    for path in (root / "checkpoints").glob("*.safetensors"):
        path.write_bytes(b"other")
    assert "Nothing that was saved verifies: nothing is kept." in CliRunner().invoke(command, [str(root)]).stdout


def test_a_run_with_a_lost_status_is_still_inspected(root: Path) -> None:
    (root / "status.json").write_text("{")
    for arguments in ([str(root)], [str(root), "--json"]):
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0
        assert "unknown" in result.stdout


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path)])
    assert isinstance(result.exception, RunDirectoryError)


def test_damaged_lines_of_the_figures_are_counted_and_said(root: Path) -> None:
    metrics = Layout(root).metrics
    whole = metrics.read_bytes()
    assert not inspect(RunReader(root))["damage"]
    damaged = (
        b'{"event":"step","step":1.2.3,"train_loss":1}',
        b"\0" * 40,
        b'{"event":"epoch","epoch":',
        b'{"event":"memory"}',
        b'{"event":"epoch","epoch":1%s,"step":1,"at":1,"elapsed_s":1}' % (b"0" * 400),
    )
    metrics.write_bytes(whole + b"\n".join(damaged) + b"\n" + b'{"event":"step","at":1.5,"step":9,"loss":-1e-05}\n')
    said = "5 lines of metrics.jsonl are damaged and left out: curves and figures have gaps there."
    assert inspect(RunReader(root))["damage"] == [said]
    assert f"  {said}" in CliRunner().invoke(command, [str(root)]).output.splitlines()
