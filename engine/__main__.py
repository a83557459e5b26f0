"""``python -m engine COMMAND``, also installed as ``sweetspot COMMAND``."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points

import click
from click.shell_completion import CompletionItem

from engine import __version__, commands
from engine.home import lend_home
from engine.process.ending import run

ADDED = "sweetspot.commands"


class Commands(click.Group):
    """One module a command, imported when it is called: ``control`` must not wait for torch.

    Beside those of the engine, the commands that an installed package names under the entry point ``ADDED``.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_own() | _added().keys())

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        command: click.Command
        if name in _own():
            command = importlib.import_module(f"engine.commands.{name}").command
        elif name in _added():
            lend_home()
            command = _added()[name].load()
        else:
            return None
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names without their sentences: those would cost the import of every command at each press of the key."""
        names = [CompletionItem(name) for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


def _own() -> set[str]:
    return {module.name for module in pkgutil.iter_modules(commands.__path__)}


def _added() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=ADDED)}


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sweetspot")
def group() -> None:
    """Train a generative model on your own recordings, watch and hear it learn, stop at the sweet spot."""


def main() -> None:
    run(group)


if __name__ == "__main__":
    main()
