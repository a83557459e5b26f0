"""``sweetspot note`` writes what ``sweetspot inspect`` and the app call the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from engine.commands import inspect, note
from engine.errors import ConfigError, RunDirectoryError
from engine.rundir.layout import Layout
from engine.rundir.status import State
from tests.rundir.conftest import open_writer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    with open_writer(tmp_path / "run-1") as writer:
        writer.state(State.COMPLETED)
    return tmp_path / "run-1"


def say(root: Path, *options: str) -> Any:
    return CliRunner().invoke(note.command, [str(root), *options])


def test_what_is_said_stays_until_it_is_said_otherwise(root: Path) -> None:
    assert say(root, "--name", "Hats", "--tag", "dry", "--tag", "hat").exit_code == 0
    assert say(root, "--text", "Best at 31.\nUse it.", "--archive").exit_code == 0
    assert say(root).output == "run-1: Hats\n  archived\n  tags: dry, hat\n  note: Best at 31.\n  note: Use it.\n"
    shown = CliRunner().invoke(inspect.command, [str(root)]).output
    assert shown.startswith("Hats: completed\n  archived\n  tags: dry, hat\n")
    facts = json.loads(CliRunner().invoke(inspect.command, [str(root), "--json"]).output)
    assert facts["name"] == "Hats" and facts["notes"]["text"] == "Best at 31.\nUse it."
    assert say(root, "--name", "", "--tag", "", "--text", "", "--unarchive").output == "run-1: run-1\n"


def test_bytes_of_another_encoding_are_taken_as_far_as_they_go(root: Path) -> None:
    assert say(root, "--name", "caf\udce9").output == "run-1: caf?\n"


def test_to_what_is_no_run_nothing_is_written(tmp_path: Path) -> None:
    assert isinstance(say(tmp_path, "--name", "x").exception, RunDirectoryError)
    assert list(tmp_path.iterdir()) == []


def test_previews_take_words_and_stars_by_their_moment(root: Path) -> None:
    for step, epoch in ((0, 0), (50, 2), (90, 3)):
        path = Layout(root).preview(epoch, step, "sample", 0, "wav")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    assert say(root, "--remark", "epoch-3", "the hat is\nback", "--star", "epoch-3", "--star", "step-0").exit_code == 0
    assert say(root, "--remark", "step-50", "dull").output == (
        "run-1: run-1\n  ★ epoch 0, step 0\n  epoch 2, step 50: dull\n  ★ epoch 3, step 90: the hat is back\n"
    )
    shown = CliRunner().invoke(inspect.command, [str(root)]).output
    assert "\n  ★ epoch 3, step 90: the hat is back\n" in shown
    assert say(root, "--remark", "step-50", "", "--unstar", "step-0", "--unstar", "epoch-3").output == (
        "run-1: run-1\n  epoch 3, step 90: the hat is back\n"
    )
    wrong = say(root, "--star", "epoch-77")
    assert isinstance(wrong.exception, ConfigError) and "step-0, step-50, step-90" in str(wrong.exception)
