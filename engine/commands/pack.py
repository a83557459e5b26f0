"""``sweetspot pack RUN_DIR --out run.zip``: a run as one file, to look at on another computer."""

from __future__ import annotations

from pathlib import Path

import click

from engine.process.path_type import UserPath
from engine.rundir.reader import RunReader
from engine.sharing.pack import pack


@click.command("pack")
@click.argument("run_dir", type=UserPath())
@click.option("--out", required=True, type=UserPath(dir_okay=False), help="The file to write.")
@click.option("--without-checkpoints", is_flag=True, help="Leave out what only resuming needs; much smaller.")
def command(run_dir: Path, out: Path, without_checkpoints: bool) -> None:
    """Pack a run into one zip archive.

    Unpacked on another computer it opens in the app, to look at and to listen to, and makes sounds from its snapshots.
    Paths, the names of computers and of their user are taken out; the names of the sound files stay. A run that still
    trains is packed as it stands.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    packed = pack(RunReader(run_dir), out, checkpoints=not without_checkpoints)
    click.echo(f"{out}: {packed.members} files, {out.stat().st_size / 1e6:.1f} MB")
    if packed.live:
        click.echo(f"It may still be training: this is how it stood at step {packed.step}.", err=True)
