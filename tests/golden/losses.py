"""The first fifty losses of every kind of model, as a training process writes them into its run directory.

One processor gives them again bit for bit. Another adds the same numbers in another order, so its losses part from
these by rounding: AVX2 in place of AVX-512, in torch, oneDNN, MKL and numpy, moves them by at most 1.1e-6 within fifty
steps, SSE by less. There they are held to ``CLOSE``; a learning rate that is one in a thousand off lies beyond it.
"""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import torch

from engine.rundir.reader import RunReader
from engine.tasks.vae.demo.synthesis import synthesise_demo
from tests import forkserver

FILE = Path(__file__).with_name("losses.json")
CLOSE = 1e-4
STEPS = 50
SMALL = ("--channels", "8", "--batch-size", "4", "--preview-duration-s", "0.5", "--preview-interval-short", "49")
KINDS: dict[str, tuple[str, ...]] = {
    "sounds, local code": ("SOUNDS", "--code", "local", *SMALL),
    "sounds, temporal code": ("SOUNDS", "--code", "temporal", *SMALL),
    "sounds, vector code": ("SOUNDS", "--code", "vector", *SMALL),
    "labelled sounds": ("SOUNDS", "--labels", "folders"),
    "table of classes": ("iris",),
    "table of numbers": ("diabetes",),
}


def machine() -> dict[str, str]:
    """What decides the order in which numbers are added: equal machines give equal bits."""
    return {
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "torch": torch.__version__,
        "numpy": version("numpy"),
    }


def _processor() -> str:
    """Its maker, family, model and cache, by which libraries choose their blocks."""
    try:
        about = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return f"{platform.system()} {platform.processor()}"
    wanted = ("vendor_id", "cpu family", "model", "stepping", "cache size")
    found = dict(re.findall(r"^(.+?)\s*:\s*(.*)$", about, re.MULTILINE))
    return " ".join([platform.machine(), *(found.get(name, "") for name in wanted)])


def make_sounds(folder: Path) -> None:
    """The demo's sounds, a sub-folder for each letter that their names begin with."""
    synthesise_demo(folder)
    for path in sorted(folder.glob("*.wav")):
        kind = folder / path.name[0]
        kind.mkdir(exist_ok=True)
        path.rename(kind / path.name)


def losses(kind: str, sounds: Path, root: Path, *more: str) -> list[float]:
    """The losses of the first fifty updates of a fresh run in ``root``."""
    source, *options = (str(sounds) if word == "SOUNDS" else word for word in KINDS[kind])
    options += ["--run-dir", str(root), "--max-steps", str(STEPS), "--threads", "1", "--device", "cpu", *more]
    done = forkserver.run("engine.train", source, *options)
    assert done.returncode == 0, done.stderr
    return [float(event["train_loss"]) for event in RunReader(root).all_of("step")]


def tolerance() -> float:
    """What losses may differ by here: nothing where the golden ones were made, else ``CLOSE``."""
    return 0.0 if golden()["machine"] == machine() else CLOSE


def apart(found: Sequence[float], expected: Sequence[float]) -> float:
    """The largest difference; infinity for another number of them, or one that is no number."""
    if len(found) != len(expected):
        return float("inf")
    differences = [abs(one - other) for one, other in zip(found, expected, strict=True)]
    return max(differences) if all(one == one for one in differences) else float("inf")


def golden() -> dict[str, dict]:
    """machine: where they were made. losses: of each kind."""
    return json.loads(FILE.read_text(encoding="utf-8"))


def renew(place: Path) -> None:
    """Train every kind below ``place`` and keep what came of it."""
    make_sounds(place / "sounds")
    found = {kind: losses(kind, place / "sounds", place / str(number)) for number, kind in enumerate(KINDS)}
    FILE.write_text(json.dumps({"machine": machine(), "losses": found}, indent=1) + "\n", encoding="utf-8")
