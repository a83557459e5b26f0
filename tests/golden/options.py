"""The ``--help`` of every command in one text, so that no option comes, goes or changes unseen."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click

from engine.__main__ import ADDED, group
from engine.commands import __path__ as own_commands
from tests.conftest import ROOT

FILE = Path(__file__).with_name("options.txt")
WIDTH = 120


def text() -> str:
    """All pages, by the commands' names, as this checkout has them, whatever is installed beside it."""
    pages = [page for name, command in sorted(_commands().items()) for page in _pages(command, f"sweetspot {name}")]
    return "\n\n".join(pages) + "\n"


def _commands() -> dict[str, click.Command]:
    names = [path.stem for path in Path(own_commands[0]).glob("*.py") if path.stem != "__init__"]
    found = {name: group.get_command(click.Context(group), name) for name in names}
    added = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][ADDED]
    for name, place in added.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return {name: command for name, command in found.items() if command is not None}


def _pages(command: click.Command, path: str) -> Iterator[str]:
    context = click.Context(command, info_name=path, terminal_width=WIDTH, max_content_width=WIDTH)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from _pages(inner, f"{path} {name}")


def renew() -> None:
    FILE.write_text(text(), encoding="utf-8")
