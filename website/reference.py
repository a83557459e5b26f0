"""The page of all commands, made from the commands: what ``--help`` says is what stands there."""

from __future__ import annotations

import html
import inspect
from collections.abc import Iterator

import click

from engine.__main__ import group

OPENING = """# Commands

Made from the program when this site is built: what `sweetspot COMMAND --help` says, all of it. Every command is also
`python -m engine COMMAND`. In brackets stand the range and the default of a setting, *by preset* those of the presets
conservative, balanced and aggressive.
"""


def reference() -> str:
    """The page, in Markdown: a heading a command, a table for each group of its options."""
    return "\n".join([OPENING, *(part for path, command in every_command() for part in _section(path, command))])


def every_command() -> Iterator[tuple[str, click.Command]]:
    """Every command with the words that call it, those of groups after their group."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield f"sweetspot {name}", command
        if isinstance(command, click.Group):
            for inner, one in command.commands.items():
                yield f"sweetspot {name} {inner}", one


def _section(path: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"\n{'#' * len(path.split())} {path}\n"
    yield f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
    yield _prose(command.help or "")
    for title, options in _options(command, context).items():
        yield f"\n**{title}**\n\n| option | what it does |\n|---|---|"
        yield from (f"| {_code(names)} | {_cell(help_)} |" for names, help_ in options)


def _options(command: click.Command, context: click.Context) -> dict[str, list[tuple[str, str]]]:
    """The help's records under the help's headings, ``--help`` itself left out."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for param in command.params:
        record = param.get_help_record(context)
        if isinstance(param, click.Option) and record is not None:
            sections.setdefault(getattr(param, "section", "Options"), []).append(record)
    return sections


def _prose(text: str) -> str:
    """A command's docstring: its paragraphs, those that it keeps as they stand as blocks of text."""
    parts = inspect.cleandoc(text).split("\n\n")
    kept = (part.removeprefix("\b\n") for part in parts)
    return "\n\n".join(
        f"```\n{inspect.cleandoc(plain)}\n```" if part.startswith("\b") else _escaped(plain)
        for part, plain in zip(parts, kept, strict=True)
    )


def _code(names: str) -> str:
    """An option's names and its kind, every name in one piece."""
    return "`" + names.replace("|", "\\|").replace(", ", "`, `").replace(" / ", "` / `") + "`"


def _cell(text: str) -> str:
    return _escaped(" ".join(text.split())).replace("|", "\\|")


def _escaped(text: str) -> str:
    """Text in which Markdown finds nothing to mark up."""
    text = html.escape(text, quote=False)
    return "".join(f"\\{sign}" if sign in "\\`*_[]#" else sign for sign in text)
