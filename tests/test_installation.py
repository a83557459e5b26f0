"""How more packages come to where the program is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.installation import install


def test_a_program_of_pipx_is_given_more_by_pipx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert install("mido", "python-osc") == "pip install mido python-osc"
    (tmp_path / "pipx_metadata.json").write_text("{}")
    assert install("mido", "python-osc") == "pipx inject sweetspot mido python-osc"


@pytest.mark.parametrize(
    ("command", "packages"),
    [("serve", "mido python-rtmidi python-osc sounddevice"), ("log", "tensorboard")],
)
def test_help_names_what_reaches_the_program_where_it_is(command: str, packages: str, tmp_path: Path) -> None:
    script = (
        f"import sys; sys.prefix = {str(tmp_path)!r}; import importlib;"
        f"print(importlib.import_module('engine.commands.{command}').command.help)"
    )

    def told() -> list[str]:
        found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        return [line.strip() for line in found.stdout.splitlines()]

    assert f"pip install {packages}" in told()
    (tmp_path / "pipx_metadata.json").write_text("{}")
    assert f"pipx inject sweetspot {packages}" in told(), "on a line of its own, to copy"
