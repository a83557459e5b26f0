"""``sweetspot pack RUN_DIR --out run.zip``: a run as one file, to look at on another computer."""

from __future__ import annotations

import zipfile
from collections import Counter
from pathlib import Path

import click

from engine.process.path_type import UserPath
from engine.regular_file import refuse_what_is_there
from engine.rundir.reader import RunReader
from engine.sharing.pack import damaged_sentence, pack


@click.command("pack")
@click.argument("run_dir", type=UserPath())
@click.option("--out", required=True, type=UserPath(dir_okay=False), help="The file to write.")
@click.option("--without-checkpoints", is_flag=True, help="Leave out what only resuming needs.")
@click.option("--without-snapshots", is_flag=True, help="Leave out the weights of single epochs; the best state stays.")
def command(run_dir: Path, out: Path, without_checkpoints: bool, without_snapshots: bool) -> None:
    """Pack a run into one zip archive.

    Unpacked on another computer it opens in the app, to look at and to listen to, and makes sounds from what it saved.
    Paths, the names of computers and of their user are taken out; the names of the sound files stay. A run that still
    trains is packed as it stands. Nothing is overwritten.
    """
    refuse_what_is_there(out)
    packed = pack(RunReader(run_dir), out, checkpoints=not without_checkpoints, snapshots=not without_snapshots)
    click.echo(f"{out}: {packed.members} files, {out.stat().st_size / 1e6:.1f} MB ({_parts(out)})")
    if packed.damaged:
        click.echo(f"{damaged_sentence(packed.damaged)}.", err=True)
    if packed.live:
        click.echo(f"It may still be training: this is how it stood at step {packed.step}.", err=True)


def _parts(out: Path) -> str:
    """What takes the room in a pack: "snapshots 20.1 MB, previews 3.2 MB", the largest first."""
    sizes: Counter[str] = Counter()
    with zipfile.ZipFile(out) as archive:
        for one in archive.infolist():
            inside = Path(one.filename).parts[1:]
            sizes[inside[0] if len(inside) > 1 else "records"] += one.compress_size
    return ", ".join(f"{name} {size / 1e6:.1f} MB" for name, size in sizes.most_common())
