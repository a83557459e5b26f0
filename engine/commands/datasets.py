"""``sweetspot datasets``: what there is to learn from, and names for what lies on this disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine import registry
from engine.errors import ConfigError
from engine.flags import collect, options
from engine.printable import sweetspot
from engine.process.path_type import UserPath
from engine.settings import Settings
from engine.sources import Dataset
from engine.tasks import task_config, task_names


@click.group("datasets", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """List what can be trained on by its name, or give a name."""
    if context.invoked_subcommand is not None:
        return
    for entry in registry.datasets().values():
        click.echo(f"{entry.id:<16} {_kind(entry):<36} {entry.description or entry.origin}")


def _kind(entry: Dataset) -> str:
    if entry.task_type == "generation":
        return "sounds"
    found = f"{entry.num_classes} classes" if entry.num_classes else "a number"
    return f"{entry.task_type}, {entry.num_features} to {found}"


@command.command("add")
@click.argument("dataset_id", metavar="NAME")
@click.argument("path", type=UserPath())
@click.option("--description", default="", help="What it is, for the list.")
@click.option("--replace", is_flag=True, help="Put it in the place of one of this name that you added before.")
@options(*(task_config(name) for name in task_names()))
def add(dataset_id: str, path: Path, description: str, replace: bool, **values: Any) -> None:
    """Give data a name to train on: a folder of sounds, a CSV with a column to learn, or sounds with labels.

    \b
    sweetspot datasets add kitchen ~/recordings/kitchen
    sweetspot datasets add prices prices.csv --target price
    sweetspot datasets add strokes ~/drums --labels folders
    sweetspot datasets add words ~/speech --labels words.csv --target word
    """
    given = {name: value for name, value in values.items() if value is not None}
    entry = registry.register(dataset_id, path, description, _settings(path, given), replace=replace)
    click.echo(f"{entry.id}: {_kind(entry)}. Train on it: {sweetspot('train', entry.id)}")


def _settings(path: Path, given: dict[str, Any]) -> dict[str, Any]:
    """``given`` as one task's settings: of the first that knows them all."""
    for name in task_names():
        model: type[Settings] = task_config(name)
        if all(collect(model, {field: value}) for field, value in given.items()):
            return collect(model, given)
    raise ConfigError(f"No task knows all of --{', --'.join(sorted(given)).replace('_', '-')}.", "Leave some out.")


@command.command("remove")
@click.argument("dataset_id", metavar="NAME")
def remove(dataset_id: str) -> None:
    """Forget a name you gave. The data itself stays where it is."""
    registry.unregister(dataset_id)
    click.echo(f"{dataset_id} is forgotten.")
