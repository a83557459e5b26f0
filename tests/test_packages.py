"""What is declared is what is imported, in both directions."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
OWN = {"engine", "app", "tests", "website"}


def declared(requirements: Iterable[str]) -> set[str]:
    return {re.split(r"[^A-Za-z0-9._-]", one, maxsplit=1)[0].lower() for one in requirements}


RUNNING = declared(PROJECT["project"]["dependencies"])
EXTRAS = {name: declared(needed) for name, needed in PROJECT["project"]["optional-dependencies"].items()}
TESTING = EXTRAS.pop("test")
DOCS = EXTRAS.pop("docs")
BENCH = EXTRAS.pop("bench")  # not among what tests need: it compiles a library
OPTIONAL = set().union(*EXTRAS.values())


def imported(*rooms: str) -> dict[str, str]:
    """Distribution to a module that imports it anywhere, inside functions too."""
    found: dict[str, str] = {}
    for path in [path for room in rooms for path in sorted((ROOT / room).rglob("*.py"))]:
        for top in _foreign(path):
            found[_distribution(top)] = str(path.relative_to(ROOT))
    return found


@cache
def _foreign(path: Path) -> frozenset[str]:
    """The modules of others that a file imports, by their first names."""
    tops: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        tops |= {name.partition(".")[0] for name in names}
    return frozenset(tops - OWN - sys.stdlib_module_names)


_installed = cache(packages_distributions)  # it reads the record of every package there is


@cache
def _distribution(module: str) -> str:
    names = {name.lower() for name in _installed().get(module, [])}
    names |= {name for name in BENCH if name.startswith(module)}
    assert names, f"{module} is imported and comes from no installed package"
    known = names & (RUNNING | OPTIONAL | TESTING | BENCH)
    return min(known or names)


def _runs_in_tests(name: str) -> bool:
    """Whether a package serves without being imported: a plugin, types of a package, a command that is run."""
    plugin = any(one.group == "pytest11" for one in distribution(name).entry_points)
    types = name.removeprefix("types-") if name.startswith("types-") else ""
    programs = {path.name for path in distribution(name).files or () if path.parent.name in ("bin", "Scripts")}
    started = any(f'"{program}"' in text for program in programs for text in _texts())
    return plugin or types in RUNNING or started or f"tool.{name}" in (ROOT / "pyproject.toml").read_text()


@cache
def _texts() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py"))]


def test_every_package_that_the_project_imports_is_declared() -> None:
    found = imported("engine", "app")
    assert not {name: path for name, path in found.items() if name not in RUNNING | OPTIONAL}


def test_every_declared_package_is_imported() -> None:
    found = imported("engine", "app")
    assert found.keys() >= RUNNING, f"declared, never imported: {RUNNING - found.keys()}"
    assert found.keys() >= OPTIONAL, f"declared as an extra, never imported: {OPTIONAL - found.keys()}"
    assert not RUNNING & OPTIONAL and OPTIONAL <= TESTING


def test_the_site_declares_what_builds_it() -> None:
    """What its hooks import, and what its configuration names."""
    configuration = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    named = {"mkdocs-material": "name: material", "pymdown-extensions": "pymdownx."}
    found = imported("website").keys() - RUNNING | {name for name, word in named.items() if word in configuration}
    assert found == DOCS and DOCS <= TESTING


@pytest.mark.slow
def test_the_tests_declare_what_they_import_and_import_what_they_declare() -> None:
    found = imported("tests")
    assert not {name: path for name, path in found.items() if name not in RUNNING | TESTING | BENCH}
    assert found.keys() >= BENCH
    unused = {name for name in TESTING - found.keys() - RUNNING - DOCS if not _runs_in_tests(name)}
    assert not unused - OPTIONAL, f"declared for tests, used by none: {unused}"
