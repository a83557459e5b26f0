"""Whether saved weights are whole: a file is read once for each of its states, however often a page asks."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from engine.rundir.artefacts import Artefact, describes
from engine.rundir.protocol import Manifest
from engine.stamp import Stamp, stamp


def intact(one: Artefact) -> bool:
    """:attr:`Artefact.verified`, remembered until the file or its manifest changes."""
    return one.manifest is not None and _describes(one.manifest.model_dump_json(), one.path, stamp(one.path))


@lru_cache(maxsize=1024)
def _describes(manifest: str, path: Path, seen: Stamp | None) -> bool:
    return seen is not None and describes(Manifest.model_validate_json(manifest), path)
