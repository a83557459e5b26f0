"""Real files in a temporary folder, and a cache of their own."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from tests.audio.sounds import Write, chirp


@pytest.fixture(autouse=True)
def cache_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "cache"
    monkeypatch.setenv("SWEETSPOT_CACHE", str(place))
    return place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "sounds"
    place.mkdir()
    return place


@pytest.fixture
def write(folder: Path) -> Write:
    """``write(name, seed, rate=, gain=, **soundfile options)`` puts one sound into the folder."""

    def put(name: str, seed: int, duration_s: float = 0.5, rate: int = 48_000, gain: float = 1.0, **options) -> Path:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, gain * chirp(seed, duration_s, rate), rate, **options)
        return path

    return put
