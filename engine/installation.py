"""What this program was installed by, as far as its user has to know."""

from __future__ import annotations

import sys
from pathlib import Path

PLAYING = ("mido", "python-rtmidi", "python-osc", "sounddevice")  # what `serve --midi` and `--osc` need beside it
MONITOR = "tensorboard"  # what `log` needs


def install(*packages: str) -> str:
    """The command that puts ``packages`` beside this program: pipx keeps it in an environment of its own, which plain
    pip does not reach."""
    by_pipx = (Path(sys.prefix) / "pipx_metadata.json").is_file()
    return " ".join(["pipx inject sweetspot" if by_pipx else "pip install", *packages])
