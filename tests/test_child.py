"""Children are of this very version, and import nothing from the folder one happens to stand in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.child import command, environment
from tests.conftest import ROOT

MAIN = "from engine.__main__ import main; main()"  # what the installed command does
TRAP = "open({marker!r}, 'a').write(__name__)"


@pytest.fixture
def pack(drums: Path, tmp_path: Path) -> Path:
    """A folder of sounds whose maker put modules beside them."""
    folder = tmp_path / "pack"
    folder.mkdir()
    for path in drums.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    for name in ("soundfile", "json", "engine"):
        (folder / f"{name}.py").write_text(TRAP.format(marker=str(tmp_path / "trapped")))
    return folder


def test_a_module_beside_the_sounds_is_never_run(pack: Path, tmp_path: Path) -> None:
    told = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    scan = [sys.executable, "-P", "-c", MAIN, "scan", "."]
    done = subprocess.run(scan, cwd=pack, env=told, capture_output=True, text=True)
    assert done.returncode == 0 and "10 of 10 files" in done.stdout, done.stdout + done.stderr
    assert not (tmp_path / "trapped").exists()


@pytest.mark.parametrize("given", ["", os.pathsep, f"{os.pathsep}/nowhere"])
def test_an_empty_path_does_not_mean_the_working_directory(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", given)
    subprocess.run(command("engine", "--version"), cwd=pack, env=environment(), check=True, capture_output=True)
    assert not (tmp_path / "trapped").exists()
