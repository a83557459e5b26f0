"""Who may import whom. The rooms stand as floors, low to high; one looks down only, and never up."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# The lowest first, one room a floor: a module may import its own room and lower ones, at its top or inside a function.
ENGINE = (
    "engine",
    "engine.errors",
    "engine.printable",
    "engine.home",
    "engine.child",
    "engine.channel",
    "engine.rundir",
    "engine.rng",
    "engine.run_length",
    "engine.config",
    "engine.plan",
    "engine.metrics",
    "engine.sweet_range",
    "engine.claims",
    "engine.flags",
    "engine.device",
    "engine.audio",
    "engine.audio.files",
    "engine.sharing",
    "engine.collection",
    "engine.sources",
    "engine.task",
    "engine.loop",
    "engine.tasks.vae.demo",
    "engine.tasks.vae",
    "engine.tasks.vae.sounds",
    "engine.tasks.vae.export",
    "engine.tasks.vae.instrument",
    "engine.tasks.mlp",
    "engine.tasks",
    "engine.registry",
    "engine.completion",
    "engine.process",
    "engine.queue",
    "engine.train",
    "engine.api",
    "engine.commands",
    "engine.__main__",
)
APP = (
    "app",
    "app.look",
    "app.runs",
    "app.charts",
    "app.panels",
    "app.sounds",
    "app.report",
    "app.views",
    "app.main",
)

TORCH_FREE = (
    "engine",
    "engine.config",
    "engine.metrics",
    "engine.rng",
    "engine.sources",
    "engine.registry",
    "engine.claims.headline",
    "engine.claims.quality",
    "engine.loop.diagnosis",
    "engine.tasks.vae.config",
    "engine.tasks.vae.diagnosis",
    "engine.rundir.writer",
    "engine.rundir.reader",
    "engine.process.resume",
    "engine.process.job",
    "engine.flags",
    "engine.train",
    "engine.commands.control",
    "engine.commands.scan",
    "engine.commands.inspect",
    "engine.commands.log",
    "engine.commands.queue",
    "engine.commands.train",
    "engine.audio.files.io",
    "engine.audio.files.decode",
    "engine.collection.collection",
    "engine.collection.health",
    "engine.__main__",
)


def modules(package: str) -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


KNOWN = {**modules("engine"), **modules("app")}


def imported(text: str) -> set[str]:
    """Modules that a program imports anywhere, inside functions too; of the project the very module, not its room."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in KNOWN else node.module for name in names}
    return found


def floor(module: str) -> int:
    """The number of the room that ``module`` stands in; rooms within rooms have floors of their own."""
    rooms = APP if module.split(".")[0] == "app" else ENGINE
    fitting = [
        (len(room), number)
        for number, room in enumerate(rooms)
        if module == room or ("." in room and module.startswith(f"{room}."))
    ]
    assert fitting, f"{module} stands on no floor: which room does it belong to?"
    return max(fitting)[1]


def upward(module: str, text: str) -> set[str]:
    """What ``module`` imports from above; the app may look at all of the engine."""
    package = module.split(".")[0]
    inside = {name for name in imported(text) & KNOWN.keys() if name.split(".")[0] == package}
    return {name for name in inside if floor(name) > floor(module)}


@pytest.mark.parametrize("module", sorted(KNOWN))
def test_a_module_looks_down_only(module: str) -> None:
    above = upward(module, KNOWN[module].read_text(encoding="utf-8"))
    assert not above, f"{module} imports {sorted(above)} from above"


@pytest.mark.parametrize(
    ("module", "text", "above"),
    [
        ("engine.loop.trainer", "from engine.tasks.vae import task", "engine.tasks.vae.task"),
        ("engine.loop.trainer", "def late():\n    from engine.registry import datasets", "engine.registry"),
        ("engine.audio.files.decode_worker", "import engine.collection.split", "engine.collection.split"),
        (
            "engine.tasks.vae.task",
            "from engine.tasks.vae.sounds.load import load_codec",
            "engine.tasks.vae.sounds.load",
        ),
        ("app.look.words", "from app.runs.store import metrics_of", "app.runs.store"),
        ("app.charts.specs", "from app.panels import summary", "app.panels.summary"),
    ],
)
def test_a_name_imported_from_above_is_found(module: str, text: str, above: str) -> None:
    assert upward(module, text) == {above}


@pytest.mark.parametrize("module", [*sorted(name for name in KNOWN if name.startswith("engine.loop.")), "engine.train"])
def test_the_loop_names_no_task(module: str) -> None:
    text = KNOWN[module].read_text(encoding="utf-8")
    assert not {name for name in imported(text) if name.startswith(("engine.tasks.", "engine.audio", "engine.collec"))}
    assert not [word for word in ("recon", "mel", "vae", "mlp", "accuracy") if f'"{word}' in text]


def test_what_the_app_imports_brings_no_torch() -> None:
    """One process imports them one after another: the first after which torch is there brought it."""
    program = f"""
import importlib, sys
for name in {TORCH_FREE}:
    importlib.import_module(name)
    if "torch" in sys.modules:
        sys.exit(f"{{name}} brings torch")
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_app_never_imports_torch_nor_a_task() -> None:
    for module, path in modules("app").items():
        heavy = {
            name for name in imported(path.read_text(encoding="utf-8")) if name.split(".")[0] in ("torch", "torchaudio")
        }
        assert not heavy, f"{module} imports {heavy}"


def test_the_app_knows_neither_a_task_nor_what_it_measures() -> None:
    for module, path in modules("app").items():
        texts = {
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant)
        }
        assert not texts & {"dB", "vae", "mlp", "val_recon_db", "val_accuracy"}, module


def test_the_engine_knows_no_user_interface() -> None:
    for module, path in modules("engine").items():
        roots = {name.split(".")[0] for name in imported(path.read_text(encoding="utf-8"))}
        assert not roots & {"streamlit", "altair", "app"}, module


def test_nothing_is_pickled() -> None:
    """A pickle is a program: whoever wrote it would run it here."""
    for module, path in KNOWN.items():
        roots = {name.split(".")[0] for name in imported(path.read_text(encoding="utf-8"))}
        assert not roots & {"pickle", "marshal", "shelve", "joblib"}, module
        called = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not called & {"torch.save", "torch.load"}, module


def test_only_the_run_directory_knows_its_files_names() -> None:
    names = ("status.json", "metrics.jsonl", "control.jsonl", "sessions.jsonl", "run.lock", "dataset.json")
    for module, path in KNOWN.items():
        if module.startswith("engine.rundir"):
            continue
        strings = [
            node.value
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        spelled = [name for name in names for text in strings if text == name]
        assert not spelled, f"{module} spells {spelled}"
