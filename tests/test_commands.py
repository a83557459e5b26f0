"""The commands there are: one a module of the engine, and those that installed packages add."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from engine.__main__ import ADDED
from tests.conftest import ROOT


@pytest.mark.slow
def test_an_installed_package_adds_commands_and_replaces_none(tmp_path: Path) -> None:
    info = tmp_path / "added-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: added\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{ADDED}]\nwhistle = added:command\ntrain = added:command\n")
    (tmp_path / "added.py").write_text(
        "import click\n@click.command()\ndef command():\n    'Whistle.'\n    print('a tune')\n"
    )

    def call(*arguments: str) -> str:
        environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
        command = [sys.executable, "-m", "engine", *arguments]
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120).stdout

    assert "whistle" in call("--help") and call("whistle") == "a tune\n"
    assert "--resume" in call("train", "--help")


def test_the_commands_that_the_project_adds_can_be_called() -> None:
    added = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"][ADDED]
    assert added == {"app": "app.start:command", "report": "app.report.command:command"}
    for name, place in added.items():
        module, _, attribute = place.partition(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command) and command.name == name
