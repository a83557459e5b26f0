"""One small run of sounds for all commands that use a trained model; they read it only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, SMALL


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory, drums: Path) -> Path:
    """Ten drums, twenty updates: enough for a best state, a prior, previews and snapshots."""
    root = tmp_path_factory.mktemp("runs") / "drums-1"
    command = [sys.executable, "-m", "engine", "train", str(drums), "--run-dir", str(root), *SMALL, "--max-steps", "20"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return root
