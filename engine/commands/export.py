"""``sweetspot export RUN_DIR --out model.zip``: a trained model as one file to keep, to pass on, to use elsewhere."""

from __future__ import annotations

from pathlib import Path

import click

from engine import completion
from engine.process.path_type import UserPath
from engine.regular_file import refuse_what_is_there


@click.command("export")
@click.argument("run_dir", type=UserPath())
@click.option("--out", required=True, type=UserPath(dir_okay=False), help="The file to write.")
@click.option(
    "--checkpoint", shell_complete=completion.states, help="best, last, step-N or epoch-N; by default best, else last."
)
@click.option("--licence", default="", help="What others may do with the model; kept in the file, word for word.")
@click.option("--notes", default="", help="Where the sounds came from, or what else should be known.")
def command(run_dir: Path, out: Path, checkpoint: str | None, licence: str, notes: str) -> None:
    """Write a trained model into one file.

    It holds the weights, the settings, what new sounds are drawn from, and encoder and decoder as programs that run
    with torch alone (docs/export.md). The commands that make sounds take it in place of a run directory. It holds no
    recording, no absolute path and no name of a computer, but the names of the sound files, below their folder. The
    same run gives the same bytes. Nothing is overwritten.
    """
    from engine.tasks.vae.export.export import export_model

    refuse_what_is_there(out)
    manifest = export_model(run_dir, checkpoint, out, licence, notes)
    moment = f" of epoch {manifest.epoch}" if manifest.epoch is not None else ""
    click.echo(f"{out}: {manifest.checkpoint}{moment}, {out.stat().st_size / 1e6:.1f} MB")
