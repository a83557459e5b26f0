"""The ``--help`` of every command in one text, so that no option comes, goes or changes unseen."""

from __future__ import annotations

import importlib
import tomllib
from collections.abc import Iterator
from copy import copy
from pathlib import Path

import click

from engine.__main__ import ADDED, group
from engine.commands import __path__ as own_commands
from tests.conftest import ROOT

FILE = Path(__file__).with_name("options.txt")
WIDTH = 120


def text() -> str:
    """All pages, by the commands' names, as this checkout has them, whatever is installed beside it."""
    top = group.make_context("sweetspot", [], terminal_width=WIDTH, max_content_width=WIDTH, resilient_parsing=True)
    return "\n\n".join(page for found in sorted(_commands().items()) for page in _pages(*found, top)) + "\n"


def _commands() -> dict[str, click.Command]:
    names = [path.stem for path in Path(own_commands[0]).glob("*.py") if path.stem != "__init__"]
    found = {name: group.get_command(click.Context(group), name) for name in names}
    added = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"][ADDED]
    for name, place in added.items():
        module, _, attribute = place.partition(":")
        found[name] = getattr(importlib.import_module(module), attribute)
    return {name: command for name, command in found.items() if command is not None}


def _pages(name: str, command: click.Command, above: click.Context) -> Iterator[str]:
    command = copy(command)
    command._help_option = None  # click keeps the one that was asked for first, with the names it had there
    context = click.Context(command, parent=above, info_name=name)
    yield command.get_help(context)
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from _pages(inner, found, context)


def renew() -> None:
    FILE.write_text(text(), encoding="utf-8")
