"""Who may import whom. The rooms stand as floors, low to high; one looks down only, and never up."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from engine.rundir import layout

ROOT = Path(__file__).resolve().parents[1]

# The lowest first, one room a floor: a module may import its own room and lower ones, at its top or inside a function.
ENGINE = (
    "engine",
    "engine.errors",
    "engine.printable",
    "engine.installation",
    "engine.quantities",
    "engine.piano_keys",
    "engine.home",
    "engine.regular_file",
    "engine.child",
    "engine.channel",
    "engine.stamp",
    "engine.rundir",
    "engine.rng",
    "engine.students_t",
    "engine.run_length",
    "engine.schedule",
    "engine.settings",
    "engine.config",
    "engine.resolve",
    "engine.validation",
    "engine.threads",
    "engine.plan",
    "engine.curves",
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
    "engine.eager_optimizer",
    "engine.whole_batch",
    "engine.task",
    "engine.loop",
    "engine.tasks.vae.demo",
    "engine.tasks.vae",
    "engine.tasks.vae.sounds",
    "engine.tasks.vae.export",
    "engine.tasks.vae.instrument",
    "engine.tasks.vae.play",
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
    "app.start",
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
    "engine.process.resume_point",
    "engine.process.job",
    "engine.flags",
    "engine.train",
    "engine.commands.control",
    "engine.commands.scan",
    "engine.commands.inspect",
    "engine.commands.log",
    "engine.commands.queue",
    "engine.queue.sweep",
    "engine.queue.listing",
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


def test_there_is_something_to_look_at() -> None:
    """A folder that moved would leave every test here with nothing to fail on."""
    assert len(modules("engine")) > 150 and len(modules("app")) > 40
    assert len(GENERAL) > 50 and {"engine.claims.kinds", "engine.rundir.reader", *OTHERS} < set(GENERAL)


@cache
def programs() -> dict[str, str]:
    """Every module of the engine and the app by its name, read once."""
    return {module: path.read_text(encoding="utf-8") for module, path in KNOWN.items()}


@cache
def parsed(text: str) -> ast.Module:
    """A program, parsed once: several tests look at each."""
    return ast.parse(text)


@cache
def imported(text: str) -> frozenset[str]:
    """Modules that a program imports anywhere, inside functions too; of the project the very module, not its room."""
    found: set[str] = set()
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= {name if name in KNOWN else node.module for name in names}
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    return frozenset(found)


@cache
def brought(module: str) -> frozenset[str]:
    """What is there once ``module`` is imported: what it and its packages import at their tops, and so on."""
    found: set[str] = set()
    ahead = {module}
    while ahead:
        name = ahead.pop()
        found.add(name)
        if name in KNOWN:
            parents = {name.rsplit(".", part)[0] for part in range(1, name.count(".") + 1)}
            ahead |= (at_once(programs()[name]) | parents) - found
    return frozenset(found)


@cache
def at_once(text: str) -> frozenset[str]:
    """Modules that a program imports as it is imported itself: not in functions, nor for types alone."""
    tops = [
        node
        for node in parsed(text).body
        if not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test))
    ]
    inside = [node for top in tops for node in ast.walk(top) if isinstance(node, ast.FunctionDef)]
    late = {id(one) for function in inside for one in ast.walk(function)}
    kept = [node for top in tops for node in ast.walk(top) if isinstance(node, ast.stmt) and id(node) not in late]
    imports = [node for node in kept if isinstance(node, ast.Import | ast.ImportFrom)]
    return imported("\n".join(map(ast.unparse, imports)))


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


def test_every_module_looks_down_only() -> None:
    above = {module: upward(module, text) for module, text in programs().items()}
    assert not {module: found for module, found in above.items() if found}


def circles(imports: dict[str, set[str]]) -> list[frozenset[str]]:
    """Modules that import one another, be it over others or only for their types: each such group once."""
    reached: dict[str, set[str]] = {}
    for module in imports:
        ahead, behind = set(imports[module]), set[str]()
        while ahead:
            behind |= ahead
            ahead = set().union(*(imports[name] for name in ahead)) - behind
        reached[module] = behind
    groups = ({other for other in reached[module] if module in reached[other]} for module in imports)
    return list(dict.fromkeys(map(frozenset, filter(None, groups))))


def test_what_is_imported_is_said_whole() -> None:
    """A relative name, or one that is put together as it runs, would pass by all that is asked here."""
    put_together = {
        "engine.tasks": "a task by its name",
        "engine.registry": "its data sets",
        "engine.__main__": "commands",
    }
    for module, program in programs().items():
        nodes = list(ast.walk(parsed(program)))
        assert not [node.lineno for node in nodes if isinstance(node, ast.ImportFrom) and node.level], module
        calls = [node for node in nodes if isinstance(node, ast.Call) and "import_module" in ast.unparse(node.func)]
        said = [node for node in calls if isinstance(node.args[0], ast.Constant)]
        assert len(calls) == len(said) or module in put_together, module


def test_no_modules_import_one_another() -> None:
    assert not circles({module: imported(text) & KNOWN.keys() - {module} for module, text in programs().items()})


def test_modules_that_import_one_another_are_found() -> None:
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"a"}}) == [{"b", "c"}]


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
        ("app.look.words", "importlib.import_module('app.views.run')", "app.views.run"),
    ],
)
def test_a_name_imported_from_above_is_found(module: str, text: str, above: str) -> None:
    assert upward(module, text) == {above}


OTHERS = (
    "engine.config",
    "engine.resolve",
    "engine.curves",
    "engine.metrics",
    "engine.plan",
    "engine.sweet_range",
    "engine.task",
    "engine.train",
)
ROOMS = ("engine.loop.", "engine.claims.", "engine.rundir.", "engine.process.")
GENERAL = sorted(name for name in KNOWN if name.startswith(ROOMS) or name in OTHERS)
OF_A_TASK = re.compile(
    r"(?<![a-z])(recon|kl|mel|vae|mlp|accuracy|dB|db|idle_dims|too_diverse|repeats|collapsed|stars?|sounds?|recordings?)"
    r"(?![a-z])"
)
# What the run directory and the names of the metrics promise to everybody who reads them.
PROMISED = {
    "engine.claims.figures": {"dB"},  # a unit says how its figures are written
    "engine.metrics": {"kl_losses", "recon_losses", "val_kl_loss", "val_recon_loss"},
    "engine.rundir.layout": {"sounds", "stars.json", layout._PREVIEW.pattern},
    "engine.task": {"recon"},
}


@cache
def texts(program: str) -> tuple[str, ...]:
    """The strings that a program works with: neither docstrings nor the help of settings and fields."""
    tree = parsed(program)
    help_of = {id(word.value) for node in ast.walk(tree) if isinstance(node, ast.Call) for word in node.keywords
               if word.arg == "description"}  # fmt: skip
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)} | help_of
    constants = (node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told)
    return tuple(node.value for node in constants if isinstance(node.value, str))


def test_the_general_layer_knows_no_task() -> None:
    for module in GENERAL:
        program = programs()[module]
        rooms = ("engine.tasks.", "engine.audio", "engine.collec")
        assert not {name for name in imported(program) if name.startswith(rooms)}, module
        said = {text for text in texts(program) if OF_A_TASK.search(text)}
        assert not said - PROMISED.get(module, set()), module


@pytest.mark.parametrize("word", ["repeats", "val_recon_db", "its sounds", "kl"])
def test_a_word_of_a_task_is_found_where_a_program_works_with_it(word: str) -> None:
    program = f'"""About {word}."""\nx = Field(description="{word}")\ny = "{word}"'
    assert [text for text in texts(program) if OF_A_TASK.search(text)] == [word]


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


HEAVY = {"torch", "torchaudio"}


def test_nothing_that_the_app_imports_brings_torch() -> None:
    """Neither as it starts nor later, inside a function."""
    for module in modules("app"):
        heavy = {name for name in imported(programs()[module]) if HEAVY & {one.split(".")[0] for one in brought(name)}}
        assert not heavy, f"{module} imports {heavy}"


def test_the_app_asks_tasks_by_their_names_alone() -> None:
    for module in modules("app"):
        assert not {name for name in imported(programs()[module]) if name.startswith("engine.tasks.")}, module


def test_what_a_module_brings_is_found() -> None:
    assert "torch" in brought("engine.tasks.vae.sounds.generate") and "torch" not in brought("engine.registry")
    assert at_once("import a\ndef late():\n    import b\nif TYPE_CHECKING:\n    import c\nwith x:\n    import d") == {
        "a",
        "d",
    }


def test_the_app_knows_neither_a_task_nor_what_it_measures() -> None:
    for module in modules("app"):
        texts = {node.value for node in ast.walk(parsed(programs()[module])) if isinstance(node, ast.Constant)}
        assert not texts & {"dB", "vae", "mlp", "val_recon_db", "val_accuracy"}, module


def test_the_engine_knows_no_user_interface() -> None:
    for module in modules("engine"):
        roots = {name.split(".")[0] for name in imported(programs()[module])}
        assert not roots & {"streamlit", "altair", "app"}, module


def test_nothing_is_pickled() -> None:
    """A pickle is a program: whoever wrote it would run it here."""
    for module, program in programs().items():
        roots = {name.split(".")[0] for name in imported(program)}
        assert not roots & {"pickle", "marshal", "shelve", "joblib"}, module
        called = {
            f"{node.value.id}.{node.attr}"
            for node in ast.walk(parsed(program))
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }
        assert not called & {"torch.save", "torch.load"}, module


FILES = tuple(
    getattr(layout.Layout(Path("run")), name).name
    for name in ("run", "dataset", "sessions", "plans", "lock", "status", "metrics", "control", "notes", "log", "stars")
)


def test_only_the_run_directory_knows_its_files_names() -> None:
    """A sentence may name one for people, a program that opens one asks the layout."""
    for module, program in programs().items():
        if not module.startswith("engine.rundir."):
            assert not {text for text in texts(program) if text.rpartition("/")[2] in FILES}, module
