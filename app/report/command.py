"""``sweetspot report RUN_DIR --out report.html``: a run as one page that opens anywhere, without server or network."""

from __future__ import annotations

from pathlib import Path

import click

from app.report.contents import gather
from app.report.page import page
from engine.errors import RunDirectoryError
from engine.process.ending import run
from engine.process.path_type import UserPath
from engine.quantities import counted, size
from engine.regular_file import refuse_what_is_there
from engine.rundir.atomic import replace_bytes
from engine.rundir.reader import RunReader


@click.command("report")
@click.argument("run_dir", type=UserPath())
@click.option("--out", required=True, type=UserPath(dir_okay=False), help="The page to write.")
def command(run_dir: Path, out: Path) -> None:
    """Write a run as one page for others: curves, settings, collection, what was noticed, previews to play.

    It opens from the disk in any browser, without network. Paths, the names of computers and of their user are taken
    out; the names of the sound files stay. A run that still trains is shown as it stands.
    Nothing is overwritten.
    """
    reader = RunReader(run_dir)
    if not reader.exists:
        raise RunDirectoryError(f"{run_dir} holds no run.", "Name the directory that a training printed first.")
    refuse_what_is_there(out)
    report = gather(reader)
    data = page(report).encode(errors="backslashreplace")
    replace_bytes(out, data, durable=False)
    shown = report.panel
    some = f"{shown.previews} of " if shown.previews < shown.all_previews else ""
    click.echo(f"{out}: {size(len(data))}, {some}{counted(shown.all_previews, 'preview')}")
    if len(shown.made) < shown.total:
        click.echo(f"It has {len(shown.made)} of {shown.total} new ones, evenly chosen.", err=True)
    if report.view.state.live:
        click.echo("It still trains: this is how it stands now.", err=True)


if __name__ == "__main__":
    run(command)
