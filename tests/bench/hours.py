"""``python -m tests.bench hours``: does the memory of a training follow the length of its sounds?

ratio: the most memory of its own that a training of many hours holds at a time, over that of one hour. Beside it the
decoded sounds, which are mapped from the cache: the system takes those back when it needs the room. Each file is ten
minutes of the same sounds in another order, at another speed and level, so no two passages are alike. Linux: it reads
/proc.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
import soundfile

from engine.tasks.vae.demo.synthesis import demo_sounds
from tests.conftest import ROOT

FILES_AN_HOUR, FILE_S = 6, 600
RATE = 8_000  # of the files and of the model: an hour is as many frames and numbers as ten minutes at 48 kHz
LOOK_S = 0.2
KINDS = {"own": "RssAnon", "mapped": "RssFile"}
_HELD = re.compile(r"^(\w+):\s+(\d+) kB$", re.MULTILINE)
Waves = Sequence[np.ndarray]


def sounds(data: Path | None) -> list[np.ndarray]:
    """Waves at ``RATE``: recordings below ``data``, or the demo's."""
    found = [] if data is None else sorted(path for path in data.rglob("*") if path.suffix in (".flac", ".wav"))
    read = [soundfile.read(path, always_2d=True, dtype="float32") for path in found]
    waves = [(wave.mean(1), rate) for wave, rate in read] or [(wave, 48_000) for wave in demo_sounds().values()]
    return [_faster(wave, rate / RATE) for wave, rate in waves if len(wave) > rate / 10]


def _faster(wave: np.ndarray, times: float) -> np.ndarray:
    read: np.ndarray = np.interp(np.arange(0, len(wave) - 1, times), np.arange(len(wave)), wave).astype(np.float32)
    return read


def make_files(folder: Path, waves: Waves, hours: int) -> None:
    folder.mkdir()
    for number in range(hours * FILES_AN_HOUR):
        draws, parts, left = np.random.default_rng(number), list[np.ndarray](), FILE_S * RATE
        while left > 0:
            part = _faster(waves[int(draws.integers(len(waves)))], 2 ** draws.uniform(-0.5, 0.5))
            parts.append(part[:left] * draws.uniform(0.3, 0.9))
            left -= len(part)
        soundfile.write(folder / f"{number:03}.wav", np.concatenate(parts), RATE, subtype="PCM_16")


def peaks_mb(place: Path, folder: Path, updates: int) -> dict[str, int]:
    """The most that a training of ``folder`` held at a time: of its own, and mapped from files. It must end well."""
    options = ["--run-dir", place / f"run-{folder.name}", "--max-steps", updates, "--threads", 1, "--sample-rate", RATE]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "SWEETSPOT_CACHE": str(place / f"cache-{folder.name}")}
    command = [sys.executable, "-m", "engine", "train", str(folder), *map(str, options)]
    peaks = dict.fromkeys(KINDS, 0)
    with (
        (place / "said").open("w") as said,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=said, stderr=said) as process,
    ):
        while process.poll() is None:
            now = dict(_HELD.findall(Path(f"/proc/{process.pid}/status").read_text()))  # nothing once it has ended
            peaks = {name: max(peak, int(now.get(KINDS[name], 0)) // 1024) for name, peak in peaks.items()}
            time.sleep(LOOK_S)
    assert process.returncode == 0, (place / "said").read_text()[-2000:]
    return peaks


@click.command()
@click.option("--hours", default=10, show_default=True)
@click.option("--updates", default=100, show_default=True)
@click.option("--data", type=click.Path(path_type=Path, exists=True), help="Recordings to take; else the demo's.")
def command(hours: int, updates: int, data: Path | None) -> None:
    """Compare the memory of a training of many hours with that of one."""
    found: dict[int, dict[str, int]] = {}
    with tempfile.TemporaryDirectory() as name:
        place, waves = Path(name), sounds(data)
        for length in (1, hours):
            make_files(place / f"hours-{length}", waves, length)
            found[length] = peaks_mb(place, place / f"hours-{length}", updates)
            click.echo(f"{length:>4} h  " + "  ".join(f"{kind} {peak:,} MB" for kind, peak in found[length].items()))
    parts = {f"{length} h": {f"{kind}_mb": peak for kind, peak in found[length].items()} for length in found}
    click.echo(json.dumps({"name": "hours", "ratio": round(found[hours]["own"] / found[1]["own"], 5), "parts": parts}))
