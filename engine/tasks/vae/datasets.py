"""Collections of sound that come with the project."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from engine.audio.cache import default_cache
from engine.audio.synthesis import synthesise_demo
from engine.registry import Dataset

# Counts up whenever the sounds change, so that an older folder is not taken for them.
DEMO_VERSION = 1


def _demo() -> Path:
    """The folder of the demo sounds, made the first time it is asked for."""
    folder = default_cache().root / f"demo-{DEMO_VERSION}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".demo-"))
    synthesise_demo(fresh)
    try:
        os.rename(fresh, folder)  # noqa: PTH104 - fails where another process was faster, which is as good
    except OSError:
        shutil.rmtree(fresh)
    return folder


DATASETS = (
    Dataset(
        id="demo",
        description="24 synthesised sounds: plucked strings, struck bars, bells, drums, noises.",
        task="vae",
        load=_demo,
        defaults={"max_minutes": 3.0},
    ),
)
