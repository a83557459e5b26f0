"""Who may import whom. The rooms stand in design order, low to high; one looks down only."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The lowest first. A module may import modules of its own level's package, and of lower levels.
LEVELS: tuple[tuple[str, ...], ...] = (
    ("engine.errors", "engine", "engine.home", "engine.process.streams"),
    ("engine.rundir",),
    (
        "engine.config", "engine.plan", "engine.loop.course", "engine.metrics", "engine.rng", "engine.audio",
        "engine.sweet_range", "engine.loop.tracker", "engine.claims", "engine.loop.diagnosis",
    ),
    ("engine.task", "engine.loop.vetting", "engine.loop.checkpoint", "engine.loop.snapshot", "engine.device", "engine.process.resume"),
    ("engine.tasks", "engine.registry", "engine.flags"),
    ("engine.loop.update", "engine.loop.archive", "engine.loop.trainer", "engine.loop.pace", "engine.loop.timekeeper", "engine.loop.disk_space"),
    ("engine.process.job", "engine.process.data_changes", "engine.process.progress", "engine.process.signals", "engine.process.sleep_inhibitor"),
    ("engine.api", "engine.train", "engine.commands", "engine.__main__"),
)  # fmt: skip

TORCH_FREE = (
    "engine", "engine.config", "engine.plan", "engine.loop.course", "engine.metrics", "engine.rng", "engine.registry",
    "engine.tasks.vae.config",
    "engine.rundir.writer", "engine.rundir.reader", "engine.process.resume", "engine.process.job", "engine.flags", "engine.train",
    "engine.commands.control", "engine.commands.scan", "engine.commands.inspect", "engine.commands.train",
    "engine.claims.headline", "engine.claims.quality", "engine.loop.diagnosis", "engine.tasks.vae.diagnosis",
    "engine.audio.files.io", "engine.audio.files.decode", "engine.collection.collection", "engine.collection.health", "engine.__main__",
)  # fmt: skip


def modules(package: str) -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(path: Path) -> set[str]:
    """Modules of the project that ``path`` imports anywhere, inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def level(module: str) -> int:
    fitting = [
        (len(name), number)
        for number, names in enumerate(LEVELS)
        for name in names
        if module == name or (name != "engine" and module.startswith(name + "."))
    ]
    assert fitting, f"{module} stands on no level: which room does it belong to?"
    return max(fitting)[1]


@pytest.mark.parametrize("module", sorted(modules("engine")))
def test_a_module_looks_down_only(module: str) -> None:
    known = modules("engine")
    path = known[module]
    upward = {
        other
        for other in imported(path) & known.keys()
        if level(other) > level(module) and not _same_package(module, other)
    }
    assert not upward, f"{module} imports {sorted(upward)} from above"


def _same_package(module: str, other: str) -> bool:
    return module.split(".")[:2] == other.split(".")[:2] and module.count(".") > 1


@pytest.mark.parametrize(
    "module", ["engine.loop.trainer", "engine.loop.archive", "engine.loop.update", "engine.train", "engine.loop.pace"]
)
def test_the_loop_names_no_task(module: str) -> None:
    text = modules("engine")[module].read_text(encoding="utf-8")
    tasks = {name for name in modules("engine") if name.startswith("engine.tasks.")}
    assert not imported(modules("engine")[module]) & tasks
    assert not [word for word in ("recon", "mel", "vae", "mlp", "accuracy") if f'"{word}' in text]


@pytest.mark.parametrize("module", TORCH_FREE)
def test_what_the_app_imports_brings_no_torch(module: str) -> None:
    program = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT).returncode == 0


def test_the_app_never_imports_torch_nor_a_task() -> None:
    for module, path in modules("app").items():
        heavy = {name for name in imported(path) if name.split(".")[0] in ("torch", "torchaudio")}
        assert not heavy, f"{module} imports {heavy}"


def test_the_engine_knows_no_user_interface() -> None:
    for module, path in modules("engine").items():
        assert not {name.split(".")[0] for name in imported(path)} & {"streamlit", "altair", "app"}, module


def test_only_the_run_directory_knows_its_files_names() -> None:
    names = ("status.json", "metrics.jsonl", "control.jsonl", "sessions.jsonl", "run.lock", "dataset.json")
    for module, path in {**modules("engine"), **modules("app")}.items():
        if module.startswith("engine.rundir"):
            continue
        strings = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        spelled = [name for name in names for text in strings if text == name]
        assert not spelled, f"{module} spells {spelled}"
