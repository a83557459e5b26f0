"""``sweetspot note RUN_DIR``: what a person calls a run and says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.commands.inspect import note_sentences
from engine.errors import RunDirectoryError
from engine.printable import escaped
from engine.process.path_type import UserPath
from engine.rundir.annotate import annotate
from engine.rundir.reader import RunReader


@click.command("note")
@click.argument("run_dir", type=UserPath())
@click.option("--name", help="What the run is called from now on; empty: as when it began.")
@click.option("--tag", "tags", multiple=True, help="A tag, in place of those it has; may be repeated; empty: none.")
@click.option("--text", help="What is to be remembered of it, in place of what was; empty: nothing.")
@click.option("--archive/--unarchive", default=None, help="Whether the app lists it among the archived runs only.")
def command(run_dir: Path, name: str | None, tags: tuple[str, ...], text: str | None, archive: bool | None) -> None:
    """Name a run, tag it, write a note to it, archive it; without an option, show what was written.

    It lies in notes.json in the run's directory, which no training touches: a run that trains takes it as well.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    said = {"name": name, "tags": tags or None, "text": text, "archived": archive}
    changes: dict[str, Any] = {key: _decodable(value) for key, value in said.items() if value is not None}
    if changes:
        annotate(reader, **changes)
    view = reader.view()
    lines = [f"{view.id}: {view.name}", *note_sentences(view.notes.model_dump())]
    click.echo("\n".join(map(escaped, lines)))


def _decodable(value: object) -> object:
    """Without bytes that are no UTF-8, which a terminal may pass on."""
    if isinstance(value, tuple):
        return tuple(map(_decodable, value))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
