"""``python -m tests.bench NAME... [OPTIONS]``: run the benches of these names one after the other.

Each is the click command ``command`` of the module of its name, and is given the options.
"""

from __future__ import annotations

import importlib
import itertools
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
    known = names()
    asked = list(itertools.takewhile(known.__contains__, sys.argv[1:]))
    if not asked:
        sys.exit(f"usage: python -m tests.bench {{{','.join(known)}}}... [OPTIONS]")
    for name in asked:
        module = importlib.import_module(f"tests.bench.{name}")
        options = sys.argv[1 + len(asked) :]
        module.command(options, prog_name=f"python -m tests.bench {name}", standalone_mode=name == asked[-1])


if __name__ == "__main__":
    main()
