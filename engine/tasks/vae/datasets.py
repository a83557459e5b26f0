"""Collections of sound that come with the project."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from engine.audio.files.cache import default_cache, refused
from engine.audio.files.find import find_files
from engine.errors import DataError
from engine.settings import Settings
from engine.sources import Claim, Dataset, Description, Offer
from engine.tasks.vae.demo.synthesis import synthesise_demo

# Counts up whenever the sounds change, so that an older folder is not taken for them.
DEMO_VERSION = 1


def _demo() -> Path:
    """The folder of the demo sounds, made the first time it is asked for. ``StorageError``."""
    cache = default_cache()
    folder = cache.root / f"demo-{DEMO_VERSION}"
    if folder.is_dir():
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The temporary one is its maker's alone: the folder that stays is another, which the umask decides on.
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".demo-") as place:
            fresh = Path(place) / "sounds"
            synthesise_demo(fresh)
            _settle(fresh, folder)
    except OSError as error:
        raise refused(cache, error) from error
    return folder


def _settle(fresh: Path, folder: Path) -> None:
    """Give it its place, where another process may have been faster, which is as good."""
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


DATASETS = (
    Dataset(
        id="demo",
        description="24 synthesised sounds: plucked strings, struck bars, bells, drums, noises.",
        task="vae",
        load=_demo,
        defaults={"max_minutes": 3.0},
        origin="made by this program",
    ),
)


def claim(path: Path, named: Collection[str]) -> Claim | None:
    """Any folder is a collection of sounds, unless an option of another task says more."""
    return Claim() if path.is_dir() else None


def offers(path: Path) -> list[Offer]:
    return [Offer("Make new ones")] if path.is_dir() else []


def describe(path: Path, config: Settings) -> tuple[Description, Settings]:
    """``DataError`` when the folder holds nothing that is named like a sound."""
    if not find_files(path):
        raise DataError(f"{path} has no sound files.", "Put WAV, FLAC, OGG, MP3 or AIFF files into it.")
    return Description("generation"), config


def load(path: Path, settings: Mapping[str, Any]) -> Path:
    return path
