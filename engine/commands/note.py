"""``sweetspot note RUN_DIR``: what a person calls a run and says of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from engine.commands.inspect import heard, heard_sentences, note_sentences
from engine.errors import ConfigError, RunDirectoryError
from engine.printable import escaped
from engine.process.path_type import UserPath
from engine.rundir.annotate import annotate
from engine.rundir.reader import RunReader

Remarks = tuple[tuple[str, str], ...]


@click.command("note")
@click.argument("run_dir", type=UserPath())
@click.option("--name", help="What the run is called from now on; empty: as when it began.")
@click.option("--tag", "tags", multiple=True, help="A tag, in place of those it has; may be repeated; empty: none.")
@click.option("--text", help="What is to be remembered of it, in place of what was; empty: nothing.")
@click.option(
    "--remark",
    "remarks",
    type=(str, str),
    metavar="MOMENT WORDS",
    multiple=True,
    help="What the previews of a moment (epoch-N, step-N) sound like; may be repeated; empty words: nothing.",
)
@click.option(
    "--star",
    "stars",
    metavar="MOMENT",
    multiple=True,
    help="Give the previews of a moment (epoch-N, step-N) a star: its snapshot is never thinned out.",
)
@click.option("--unstar", "unstars", metavar="MOMENT", multiple=True, help="Take that star away.")
@click.option("--archive/--unarchive", default=None, help="Whether the app lists it among the archived runs only.")
def command(run_dir: Path, name: str | None, tags: tuple[str, ...], text: str | None, archive: bool | None,
            remarks: Remarks, stars: tuple[str, ...], unstars: tuple[str, ...]) -> None:  # fmt: skip
    """Name a run, tag it, write a note to it, say what its previews sound like, archive it.

    Without an option, show what was written.

    It lies in notes.json in the run's directory, which no training touches: a run that trains takes it as well.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    said = {"name": name, "tags": tags or None, "text": text, "archived": archive}
    said |= _heard(reader, remarks, stars, unstars)
    changes: dict[str, Any] = {key: _decodable(value) for key, value in said.items() if value is not None}
    if changes:
        annotate(reader, **changes)
    view = reader.view()
    lines = [f"{view.id}: {view.name}", *note_sentences(view.notes.model_dump())]
    lines += heard_sentences(heard(reader, view.notes))
    click.echo("\n".join(map(escaped, lines)))


def _heard(reader: RunReader, remarks: Remarks, stars: tuple[str, ...], unstars: tuple[str, ...]) -> dict[str, Any]:
    """What is said of previews, where anything is."""
    words = {_step(reader, moment): str(_decodable(text)) for moment, text in remarks}
    starred = {_step(reader, moment): on for moments, on in ((stars, True), (unstars, False)) for moment in moments}
    return {name: said for name, said in (("remarks", words), ("starred", starred)) if said}


def _step(reader: RunReader, moment: str) -> int:
    """The update after which the previews of a moment were made; ``ConfigError`` where there are none."""
    made = [one for one in reader.previews() if one.made]
    kind, _, number = moment.rpartition("-")
    well_named = kind in ("epoch", "step") and number.isdecimal()
    steps = [one.step for one in made if well_named and getattr(one, kind) == int(number)]
    if not steps:
        known = ", ".join(f"step-{step}" for step in sorted({one.step for one in made}))
        raise ConfigError(f"There are no previews of {moment!r}.", f"There are of: {known or 'nothing yet'}.")
    return max(steps)


def _decodable(value: object) -> object:
    """Without bytes that are no UTF-8, which a terminal may pass on."""
    if isinstance(value, tuple):
        return tuple(map(_decodable, value))
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
