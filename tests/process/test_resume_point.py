"""Before it goes on, a run says whether it will be exact, and if not, why."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import engine
from engine.process.resume_point import resume_point, source_digest, versions
from engine.rundir.layout import Layout
from engine.rundir.reader import RunReader
from tests.reliability.sessions import session, write_table


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exact")
    assert session(write_table(folder / "table.csv"), folder / "run", stop_at=5) == 143
    return folder / "run"


def said(root: Path, device: str | None, of_the_first_session: dict[str, Any]) -> str:
    """What is said when the run's first session was another than this process, and the second was like this one."""
    path = Layout(root).sessions
    whole = path.read_bytes()
    last = json.loads(whole.splitlines()[-1])
    first = last | of_the_first_session
    try:
        path.write_text("".join(json.dumps(one) + "\n" for one in (first, last)))
        return str(resume_point(root, device))
    finally:
        path.write_bytes(whole)


def test_the_same_machine_and_versions_are_exact(stopped: Path) -> None:
    assert "(exact)" in said(stopped, "cpu (x)", {})
    assert "(exact)" in said(stopped, None, {})
    assert "step 5 of 12" in said(stopped, "cpu (x)", {})


def test_the_losses_are_those_of_the_last_epoch_that_ended_before_the_checkpoint(stopped: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(stopped, tmp_path / "run"))
    status = json.loads((root / "status.json").read_bytes())  # of a session that was killed further on
    status["metrics"] |= {"train_loss": 77.0, "val_loss": 77.0}
    (root / "status.json").write_text(json.dumps(status))
    ends = [event for event in RunReader(root).all_of("epoch") if event["step"] <= 5]
    later = ends[-1] | {"epoch": 50, "step": 6, "train_loss": 88.0}
    with (root / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(later) + "\n")
    point = resume_point(root)
    assert point is not None and point.step == 5
    assert point.losses == pytest.approx({name: ends[-1][name] for name in point.losses})
    assert {"train_loss", "val_loss"} <= point.losses.keys()


def test_a_machine_is_the_same_under_another_name(stopped: Path) -> None:
    assert "(exact)" in said(stopped, "cpu (x)", {"host": "named by another network"})


@pytest.mark.parametrize(
    ("first", "device", "why"),
    [
        ({"versions": {"torch": "1.0"}}, "cpu (x)", "torch was 1.0, is 2"),
        ({"versions": versions() | {"torchaudio": "1.0"}}, "cpu (x)", "torchaudio was 1.0, is 2"),
        ({"versions": versions() | {"code": "0" * 12}}, "cpu (x)", "the program's own code was another"),
        (
            {"versions": {name: one for name, one in versions().items() if name != "torch"}},
            "cpu (x)",
            "which torch it had is not recorded",
        ),
        ({"versions": {}}, "cpu (x)", "which code it had is not recorded"),
        ({"boot_id": "another", "machine_id": "another"}, "cpu (x)", "it ran on another machine"),
        ({"device": "cuda:0 (H100)"}, "cuda:1 (H100)", "it trains on an accelerator"),
        ({"device": "cuda:0 (H100)"}, "cpu (x)", "it trained on cuda, now cpu"),
        ({}, "mps (M3)", "it trained on cpu, now mps"),
        ({"processes": 2}, "cpu (x)", "it had 2 processes, now 1"),
        ({"threads": 4}, "cpu (x)", "it had 4 threads, now 1"),
    ],
)
def test_what_differs_from_any_session_before_is_named(
    stopped: Path, first: dict[str, Any], device: str, why: str
) -> None:
    words = said(stopped, device, first)
    assert "continues, not bit for bit: " in words and why in words and "(exact)" not in words


@pytest.mark.parametrize("room", ["loop/update.py", "tasks/vae/model.py", "audio/mel.py", "rng.py"])
def test_the_code_is_another_when_a_file_of_any_room_is(tmp_path: Path, room: str) -> None:
    package = tmp_path / "engine"
    shutil.copytree(Path(engine.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    assert source_digest(package) == versions()["code"]
    (tmp_path / "other").mkdir()
    other = shutil.move(package, tmp_path / "other" / "engine")  # a digest is kept for a folder's name
    with (Path(other) / room).open("a") as file:
        file.write("#")
    assert source_digest(Path(other)) != versions()["code"]
