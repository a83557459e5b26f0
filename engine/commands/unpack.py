"""``sweetspot unpack run.zip``: a run from elsewhere among one's own, as *Open a run from elsewhere* takes it in."""

from __future__ import annotations

from pathlib import Path

import click

from engine.errors import DataError
from engine.home import expanded
from engine.process.path_type import UserPath
from engine.sharing.unpack import take_in


@click.command("unpack")
@click.argument("source", type=UserPath())
@click.option("--runs-dir", type=UserPath(file_okay=False), default=Path("runs"), show_default=True,
              help="Directory of the runs; a copy lies in it afterwards.")  # fmt: skip
def command(source: Path, runs_dir: Path) -> None:
    """Take in a run from elsewhere: what "sweetspot pack" wrote, or a run's directory.

    It is read as a stranger's: an archive with a name that leads out of a run's directory is refused, what else a
    packed run does not consist of is passed over, and what is damaged is left out and named. Nothing in it is believed,
    and it is looked at, listened to and makes sounds, but is never trained here. Prints the directory of the copy.
    """
    if not expanded(source).exists():
        raise DataError(f"{source} is not there.", "Name what “sweetspot pack” wrote, or a run's directory.")
    taken = take_in(expanded(source), expanded(runs_dir))
    click.echo(taken.root)
    for sentence in taken.sentences:
        click.echo(sentence, err=True)
