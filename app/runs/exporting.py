"""A model as one file, written by a process of its own: torch is not for the app."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from engine.child import command, environment
from engine.errors import SweetspotError
from engine.quantities import long_duration

LONGEST_S = 300


def exported(root: Path, which: str) -> bytes:
    """What ``sweetspot export`` writes of the state ``which``.

    ``SweetspotError`` with its last words if it fails, and when it takes longer than ``LONGEST_S``.
    """
    with tempfile.TemporaryDirectory() as place:
        out = Path(place) / "model.zip"
        try:
            done = subprocess.run(
                command("engine", "export", f"--out={out}", f"--checkpoint={which}", "--", str(root)),
                capture_output=True, text=True, errors="replace", timeout=LONGEST_S, env=environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise SweetspotError(
                f"The file was not ready after {long_duration(LONGEST_S)}.",
                "Try again when the computer has less to do.",
            ) from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            raise SweetspotError(said[-1].removeprefix("Error: ") if said else f"It ended with code {done.returncode}.")
        return out.read_bytes()
