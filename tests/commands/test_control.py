"""``sweetspot control`` speaks to a real process."""

from __future__ import annotations

import subprocess
from pathlib import Path

from click.testing import CliRunner

from engine.commands.control import command
from tests import forkserver


def start(root: Path) -> subprocess.Popen[str]:
    trainer = forkserver.Popen("tests.rundir.trainer", root, stdout=subprocess.PIPE)
    assert trainer.stdout is not None
    assert trainer.stdout.readline().startswith("ready")
    return trainer


def test_save_now_and_cancel_are_acknowledged(tmp_path: Path) -> None:
    trainer = start(tmp_path / "run-1")
    try:
        for word, said in (("save-now", "Save acknowledged"), ("cancel", "Cancel acknowledged")):
            result = CliRunner().invoke(command, [str(tmp_path / "run-1"), word])
            assert (result.exit_code, result.stdout[: len(said)]) == (0, said)
        assert trainer.wait(timeout=120) == 0
    finally:
        trainer.kill()
        trainer.communicate()
    result = CliRunner().invoke(command, [str(tmp_path / "run-1"), "cancel"])
    assert result.exit_code == 1
    assert "No process trains run-1 (it is cancelled)." in result.stderr
    assert result.stdout == ""


def test_a_killed_training_cannot_be_cancelled(tmp_path: Path) -> None:
    trainer = start(tmp_path / "run-1")
    trainer.kill()
    trainer.communicate()
    result = CliRunner().invoke(command, [str(tmp_path / "run-1"), "save-now"])
    assert result.exit_code == 1
    assert "No process trains run-1 (it is crashed)." in result.stderr


def test_what_is_no_run_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(tmp_path), "cancel"])
    assert result.exit_code == 1
    assert "there is no run" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_word_is_a_mistake_of_use(tmp_path: Path) -> None:
    assert CliRunner().invoke(command, [str(tmp_path), "dance"]).exit_code == 2
