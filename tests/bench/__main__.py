"""``python -m tests.bench NAME ...``: run the bench of that name; its module's ``command`` is a click command."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path


def names() -> list[str]:
    """Every module beside this one that offers a ``command``."""
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in found if not name.startswith("_") and "def command(" in _source(name)]


def _source(name: str) -> str:
    return Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in names():
        sys.exit(f"usage: python -m tests.bench {{{','.join(names())}}} [OPTIONS]")
    name = sys.argv[1]
    module = importlib.import_module(f"tests.bench.{name}")
    module.command(sys.argv[2:], prog_name=f"python -m tests.bench {name}")


if __name__ == "__main__":
    main()
