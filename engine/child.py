"""A Python process of this very version: nothing in the folder one stands in takes the place of a module."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

_HERE = str(Path(__file__).resolve().parents[1])


def command(module: str, *arguments: str) -> list[str]:
    """To run ``module``. ``-P``: Python would look in the working directory first, which may be a stranger's folder."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """For :func:`command`: this version before any other, and what is printed is printed at once."""
    given = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))  # an empty one is the working directory
    return {**os.environ, "PYTHONPATH": os.pathsep.join([_HERE, *given]), "PYTHONUNBUFFERED": "1"}


def apart() -> dict[str, Any]:
    """For Popen: a session of its own, which neither Ctrl-C nor the end of this one's terminal reaches."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS}
    return {"start_new_session": True}
