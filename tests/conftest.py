"""Real processes on real sound in temporary directories."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.audio.files.io import write_wave

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def _environment(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A decode cache of the tests' own, and few threads: the machine is shared."""
    os.environ["SWEETSPOT_CACHE"] = str(tmp_path_factory.getbasetemp().parent / "sweetspot-cache")
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


@pytest.fixture(scope="session")
def drums(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten real drums, or ten of the demo's sounds where the shared ones are not at hand."""
    folder = tmp_path_factory.mktemp("drums")
    found = sorted((DATA / "sonicpi").glob("drum_*.flac"))[:10]
    if not found:
        from engine.tasks.vae.demo.synthesis import synthesise_demo

        everything = tmp_path_factory.mktemp("demo")
        synthesise_demo(everything)
        found = sorted(everything.glob("*.wav"))[:10]
    for path in found:
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


SMALL = ("--channels", "8", "--batch-size", "4", "--threads", "1", "--augmentation-expansion", "2")


def train_small(source: Path, root: Path, *more: str) -> Path:
    """A run of thirty small updates: sounds like nothing, but has all that a run has."""
    options = ["--run-dir", root, "--max-steps", "30", "--checkpoint-interval", "1", *SMALL, *more]
    command = [sys.executable, "-m", "engine.train", source, *options]
    done = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="session")
def drum_run(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one-shots. Nobody writes into it."""
    return train_small(drums, tmp_path_factory.mktemp("one-shots") / "drums")


@pytest.fixture(scope="session")
def vector_run(drums: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose chunks are one vector each. Nobody writes into it."""
    return train_small(drums, tmp_path_factory.mktemp("vectors") / "drums", "--code", "vector")


@pytest.fixture(scope="session")
def wind_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of textures: six winds of three seconds. Nobody writes into it."""
    folder = tmp_path_factory.mktemp("winds")
    for number in range(6):
        noise = np.random.default_rng(number).standard_normal(3 * 48_000)
        dark = np.convolve(noise, np.hanning(8 * (number + 1)), "same").astype(np.float32)
        write_wave(folder / f"wind-{number}.wav", 0.5 * dark / np.abs(dark).max(), 48_000)
    return train_small(folder, tmp_path_factory.mktemp("textures") / "winds")


@pytest.fixture
def engine() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m engine ...`` to its end."""

    def call(*arguments: object, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "engine", *map(str, arguments)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout)

    return call


@pytest.fixture
def start() -> Callable[..., subprocess.Popen[str]]:
    """Start ``python -m engine ...`` and leave it running; killed at the end of the test if it still is."""
    started: list[subprocess.Popen[str]] = []

    def call(*arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "engine", *map(str, arguments)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
