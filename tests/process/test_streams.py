"""What a command prints reaches streams of any encoding."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PRINTS = "from engine.process.streams import open_streams; open_streams(); print('R² −0.351 ★')"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "R² −0.351 ★"), ("cp1252", "R² -0.351 \\u2605"), ("ascii", "R\\xb2 -0.351 \\u2605")],
)
def test_a_letter_that_the_terminal_has_not_ends_no_command(encoding: str, said: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", PRINTS], env=environment, capture_output=True, timeout=120)
    assert done.stdout.decode(encoding).strip() == said and not done.returncode, done.stderr.decode()
